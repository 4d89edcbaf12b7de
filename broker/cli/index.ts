#!/usr/bin/env node
/** A command is loaded when it is asked for: what `run` loads is what every confined program waits for. */
const [command, ...words] = process.argv.slice(2);

if (command === 'run') {
  const { main } = await import('./run.js');
  // Everything is written and released by then: nothing is waited for that a stream of the terminal may still hold.
  process.exit(await main(words));
} else {
  const { main } = await import('./main.js');
  await main(command, words);
}
