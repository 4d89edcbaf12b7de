import { defineInterface, t } from 'sallyport/protocols';

/** What the broker serves. */
export const Dictionary = defineInterface('dictionary@1', {
  contains: t.method({ input: { word: t.string({ max: 100 }) }, output: t.bool() }),
});

/** What the sandboxee serves. */
export const Words = defineInterface('words@1', {
  count: t.method({
    input: { text: t.fd('file', { access: 'read' }) },
    output: { words: t.uint32(), longest: t.string({ max: 100 }) },
    errors: ['no-words'],
  }),
  unknown: t.stream({
    input: { text: t.fd('file', { access: 'read' }), dictionary: t.remote(Dictionary) },
    item: t.string({ max: 100 }),
    window: 16,
  }),
  progress: t.event({ bytes: t.uint32() }, { overflow: 'latest' }),
});
