#!/usr/bin/env node
/**
 * The one CommonJS program: with an ES module Node would start its loader for them, which takes half as long as a launch.
 * A command is loaded when it is asked for: what `run` loads is what every confined program waits for.
 */
import pack = require('./pack.cjs');

type Run = typeof import('./run.js', { with: { 'resolution-mode': 'import' }});

const [command, ...words] = process.argv.slice(2);

async function main(): Promise<void> {
  if (command !== 'run') return (await import('./main.js')).main(command, words);
  const status = await (packed() ?? (await import('./run.js'))).main(words);
  // Everything is written and released by now: nothing is waited for that a stream of the terminal may still hold.
  process.exit(status);
}

/** A policy of one's own is read by modules that are not in the pack, and whose classes are others. */
function packed(): Run | undefined {
  if (words.some((word) => word.startsWith('--policy'))) return undefined;
  return pack.loadPack()?.entry;
}

void main();
