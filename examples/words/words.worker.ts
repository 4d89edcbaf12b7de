import { readFileSync } from 'node:fs';
import { type Fd, sandboxMeHere } from 'sallyport/sandboxee';
import { Words } from './words.js';

const gate = await sandboxMeHere();
const { emit } = gate.serve(Words, {
  count: ({ text }, context) => {
    const words = read(text);
    if (words.length === 0) throw context.fail('no-words', 'the file has none');
    return { words: words.length, longest: words.reduce((a, b) => (b.length > a.length ? b : a)) };
  },
  async *unknown({ text, dictionary }) {
    using known = dictionary;
    for (const word of read(text)) if (!(await known.contains({ word }))) yield word;
  },
});

function read(file: Fd): string[] {
  using owned = file;
  const text = readFileSync(owned.number, 'utf8');
  emit.progress({ bytes: text.length });
  return text.match(/\p{Letter}{1,25}/gu) ?? [];
}
