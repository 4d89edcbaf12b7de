import { defineInterface, t } from 'sallyport/protocols';

/** What a plugin keeps. It sees a store of its own, and cannot tell that there are others. */
export const Store = defineInterface('store@1', {
  get: t.method({ input: { key: t.string({ max: 100 }) }, output: { value: t.optional(t.string({ max: 1000 })) } }),
  set: t.method({ input: { key: t.string({ max: 100 }), value: t.string({ max: 1000 }) }, errors: ['full'] }),
  keys: t.stream({ item: t.string({ max: 100 }) }),
});

export const Log = defineInterface('log@1', {
  line: t.method({ input: { text: t.string({ max: 200 }) }, errors: ['too-much'] }),
});

/** What every plugin serves. */
export const Plugin = defineInterface('plugin@1', {
  begin: t.method({ input: { store: t.remote(Store) } }),
  handle: t.method({ input: { request: t.string({ max: 200 }) }, output: { answer: t.string({ max: 500 }) } }),
});
