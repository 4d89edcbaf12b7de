import { sandboxMeHere } from 'sallyport/sandboxee';
import { Bench } from './interface.js';
import { fill, NAME, source } from './message.js';

const gate = await sandboxMeHere();

const filledBuffer = async (size: number, mode: 'writable' | 'unsafe') => {
  const buffer = await gate.requestBuffer(size, mode);
  fill(buffer.unsafeLastingBytes());
  return { buffer };
};

gate.serve(Bench, {
  echo: (message) => message,
  *messages({ size, count }) {
    for (let id = 0; id < count; id += 1) yield { id, name: NAME, data: source(size) };
  },
  writable: ({ size }) => filledBuffer(size, 'writable'),
  unsafe: ({ size }) => filledBuffer(size, 'unsafe'),
});
