import { defineInterface, t } from 'sallyport/protocols';
import { z } from 'zod';

const KiB = 1024;
const MiB = KiB * KiB;
export const LARGEST_BUFFER = 64 * MiB;

const fields = { id: t.uint32(), name: t.string({ max: 64 }), data: t.bytes({ max: MiB }) };
const value = t.value(z.strictObject({ id: z.uint32(), name: z.string().max(64), data: z.instanceof(Uint8Array) }), {
  max: MiB + KiB,
});
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
  /** The same as msgpack, checked by a schema of zod's. */
  echoValue: t.method({ input: value, output: value }),
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
