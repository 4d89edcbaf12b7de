import { defineInterface, t } from 'sallyport/protocols';

const MiB = 1024 * 1024;
export const LARGEST_BUFFER = 64 * MiB;

export const fields = { id: t.uint32(), name: t.string({ max: 64 }), data: t.bytes({ max: MiB }) };
const size = t.uint32({ min: 1, max: LARGEST_BUFFER });

/** What the broker serves, for calls that block the sandboxee. */
export const Echo = defineInterface('echo@1', { echo: t.method({ input: fields, output: fields }) });

/** The sandboxee that makes them has the clock. Nanoseconds. */
export const Blocker = defineInterface('blocker@1', {
  measure: t.method({
    input: { size: t.uint32(), milliseconds: t.uint32() },
    output: { median: t.float64(), p99: t.float64() },
  }),
});

/** What the sandboxee serves. */
export const Bench = defineInterface('bench@1', {
  echo: t.method({ input: fields, output: fields }),
  messages: t.stream({
    input: { size, count: t.uint32() },
    item: t.record(fields),
    window: 256,
    windowBytes: 4 * MiB,
  }),
  /** A buffer of the pool, filled. */
  writable: t.method({ input: { size }, output: { buffer: t.sharedBuffer('writable') } }),
  unsafe: t.method({ input: { size }, output: { buffer: t.sharedBuffer('unsafe') } }),
});
