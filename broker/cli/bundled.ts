/**
 * The program `sallyport` as it is installed: scripts/bundle-cli.mjs makes of this file a CommonJS `dist/cli/index.js`, which
 * Node starts sooner than a module, and of run.ts the bundle beside it.
 */
import { join } from 'node:path';
import { loadBundle } from './load-bundle.js';

/** The file name of the bundle, put here by the bundler: it changes with the contents. */
declare const RUN_BUNDLE: string;

interface Run {
  main(words: readonly string[]): Promise<number>;
}

const [command, ...words] = process.argv.slice(2);

if (command === 'run') {
  const { main } = loadBundle<Run>(join(import.meta.dirname, RUN_BUNDLE)).exports;
  // Everything is written and released by then: nothing is waited for that a stream of the terminal may still hold.
  void main(words).then((status) => process.exit(status));
} else {
  void import('./main.js').then(({ main }) => main(command, words));
}
