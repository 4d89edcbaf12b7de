import { defineInterface, t } from 'sallyport/protocols';
import { z } from 'zod';
import { fields } from './interface.js';

const KiB = 1024;

const value = t.value(z.strictObject({ id: z.uint32(), name: z.string().max(64), data: z.instanceof(Uint8Array) }), {
  max: 64 * KiB,
});

/** Apart from the others: what zod does to V8 is not to be in their figures. */
export const Values = defineInterface('values@1', {
  plain: t.method({ input: fields, output: fields }),
  /** The same as msgpack, checked by a schema of zod's. */
  value: t.method({ input: value, output: value }),
});
