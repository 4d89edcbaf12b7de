import { sandboxMeHere } from 'sallyport/sandboxee';
import { summary } from './carrier.js';
import { Blocker, Echo } from './interface.js';
import { NAME, source } from './message.js';

const gate = await sandboxMeHere();
const { echo } = gate.connect(Echo);

gate.serve(Blocker, {
  measure: ({ size, milliseconds }) => {
    const data = source(size);
    const end = performance.now() + milliseconds;
    const nanoseconds: number[] = [];
    while (performance.now() < end || nanoseconds.length < 3) {
      const start = process.hrtime.bigint();
      gate.callSync(echo, { id: 1, name: NAME, data });
      nanoseconds.push(Number(process.hrtime.bigint() - start));
    }
    return summary(nanoseconds);
  },
});
