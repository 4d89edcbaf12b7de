import { Fd, launch, node, policies, RemoteError } from 'sallyport';
import { service } from 'sallyport/protocols';
import { Dictionary, Words } from './words.js';

const path = process.argv[2] ?? new URL(import.meta.url);
const known = new Set(['const', 'import', 'from', 'await', 'new', 'of', 'for']);

await using sandboxee = await launch(node(new URL('./words.worker.js', import.meta.url)), {
  policy: policies.node().build(),
  limits: { wallTime: 10_000 },
});
const words = sandboxee.connect(Words);
using _listening = words.progress.on(({ bytes }) => console.log(`it has read ${bytes} bytes`));

try {
  const { words: count, longest } = await words.count({ text: Fd.open(path) }, { timeout: 5000 });
  console.log(`${count} words, the longest is ${longest}`);
} catch (error) {
  if (!(error instanceof RemoteError && error.code === 'no-words')) throw error;
  console.log('no words');
}

const dictionary = service(Dictionary, { contains: ({ word }) => known.has(word) });
let shown = 0;
for await (const word of words.unknown({ text: Fd.open(path), dictionary })) {
  console.log(`unknown: ${word}`);
  if (++shown === 3) break;
}
