import { defineInterface, type Infer, t } from 'sallyport/protocols';

const text = t.string({ max: 1024 });
const count = t.uint32();

/** What was attacked: `any` where the log says only who it was. */
const service = t.union('protocol', {
  any: {},
  tcp: { port: t.uint16({ min: 1 }) },
  udp: { port: t.uint16({ min: 1 }) },
});

/**
 * What the parser proposes. It is not believed: the types say what a proposal may look like, and one is no rule until `judge` has
 * looked at what it says.
 */
const proposal = t.union('kind', {
  block: { address: text, service, seen: count },
  grant: { profile: text, path: text, access: text, seen: count },
});

export type Service = Infer<typeof service>;
export type Proposal = Infer<typeof proposal>;

export const LogParser = defineInterface('log-parser@1', {
  /** Reads all of the log. Attackers that were seen less often than the threshold are not proposed. */
  proposals: t.stream({
    input: { log: t.fd('file', { access: 'read' }), threshold: t.uint32({ min: 1, max: 1_000_000 }) },
    item: proposal,
    window: 64,
  }),
  /** Of what was read so far. */
  summary: t.method({ output: { lines: count, understood: count } }),
});
