import { expect } from 'chai';
import { z } from 'zod';
import { isFailureOf } from '../../protocols/calls/failure.js';
import { type Service, service } from '../../protocols/calls/service.js';
import { RemoteError } from '../../protocols/errors.js';
import type { Fd } from '../../protocols/fd.js';
import {
  type Context,
  defineInterface,
  type EventSource,
  type Implementation,
  type Infer,
  type InferInput,
  type Remote,
  type RemoteStream,
  t,
} from '../../protocols/schema/index.js';
import type { SharedBuffer } from '../../protocols/shared-buffer.js';

/** Exactly the same type, also where one would be assignable to the other. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_is: Same<A, B>): void {}

const record = t.record({ id: t.uint32(), name: t.optional(t.string()), tags: t.array(t.enum(['a', 'b'])) });
const union = t.union('kind', { circle: { radius: t.float64() }, nothing: {} });
const value = t.value(z.string().transform((text) => text.length));
const Inner = defineInterface('inner@1', { get: t.method({ output: t.uint8() }) });
const Outer = defineInterface('outer@1', {
  nothing: t.method(),
  one: t.method({
    input: { file: t.fd('file'), n: t.int64() },
    output: { memory: t.sharedBuffer() },
    errors: ['x', 'y'],
  }),
  scalar: t.method({ input: t.string(), output: t.bytes() }),
  inner: t.method({ input: { inner: t.remote(Inner) }, output: t.remote(Inner) }),
  items: t.stream({ item: { n: t.uint8() } }),
  changed: t.event({ n: t.uint8() }, { overflow: 'latest' }),
});
type Far = Remote<typeof Outer>;
type Near = Implementation<typeof Outer>;

describe('the types of an interface', () => {
  it('are what the schema says', () => {
    same<Infer<typeof record>, { id: number; tags: ('a' | 'b')[]; name?: string | undefined }>(true);
    same<Infer<typeof union>, { kind: 'circle'; radius: number } | { kind: 'nothing' }>(true);
    same<Infer<typeof value>, number>(true);
    same<InferInput<typeof value>, string>(true);
    same<Infer<ReturnType<typeof t.int64>>, bigint>(true);
    same<Infer<ReturnType<typeof t.bytes>>, Buffer>(true);
    same<InferInput<ReturnType<typeof t.bytes>>, Uint8Array>(true);
    expect(record.text()).to.equal('{id: uint32, name: string(65536)?, tags: [enum("a", "b"); 1024]}');
  });

  it('differ on the two sides where what is given differs from what arrives', () => {
    same<ReturnType<Far['inner']>, Promise<Remote<typeof Inner>>>(true);
    same<Parameters<Near['inner']>[0], { inner: Remote<typeof Inner> }>(true);
    same<Far['changed'], EventSource<{ n: number }>>(true);
    same<ReturnType<Far['items']>, RemoteStream<{ n: number }>>(true);
    same<ReturnType<Far['one']>, Promise<{ memory: SharedBuffer }>>(true);
    same<Parameters<Near['one']>, [input: { file: Fd; n: bigint }, context: Context<'x' | 'y'>]>(true);
    same<keyof Near, 'nothing' | 'one' | 'scalar' | 'inner' | 'items'>(true);
  });

  it('refuse what does not fit', () => {
    const check = (far: Far, file: Fd, made: Service<(typeof Inner)['members']>) => {
      void far.nothing();
      void far.nothing(undefined, { timeout: 1 });
      void far.scalar('x');
      void far.inner({ inner: made });
      void far.one({ file, n: 1n }, { signal: AbortSignal.abort() });
      // @ts-expect-error a field is missing
      void far.one({ file });
      // @ts-expect-error a number is no bigint
      void far.one({ file, n: 1 });
      // @ts-expect-error a bare number is no Fd
      void far.one({ file: 3, n: 1n });
      // @ts-expect-error no such method
      void far.other();
      // @ts-expect-error no option of that name
      void far.nothing(undefined, { deadline: 1 });
      // @ts-expect-error a remote is not what is given, but a service
      void far.inner({ inner: {} });
      // @ts-expect-error an event is listened to, not called
      void far.changed();
    };
    expect(check).to.be.a('function');
  });

  it('of a handler are inferred, and its codes checked', () => {
    const near: Near = {
      nothing: () => {},
      one: ({ n }, context) => {
        same<typeof n, bigint>(true);
        // @ts-expect-error a code that the interface does not declare
        if (n > 2n) throw context.fail('z');
        throw context.fail('x');
      },
      scalar: (text) => Buffer.from(text),
      inner: async ({ inner }) => service(Inner, { get: async () => inner.get() }),
      items: function* () {
        yield { n: 1 };
      },
    };
    // @ts-expect-error a method is missing
    const missing: Near = { nothing: () => {} };
    // @ts-expect-error what is returned is not of the interface
    const wrong: Near['scalar'] = () => 1;
    expect([near, missing, wrong]).to.have.length(3);
  });

  it('of a failure are the codes that its method declares', () => {
    const error: unknown = new RemoteError('x', 'outer@1.one');
    if (!isFailureOf(error, Outer.members.one)) return expect.fail('it is one');
    same<typeof error.code, 'x' | 'y'>(true);
    expect(isFailureOf(error, Outer.members.nothing)).to.equal(false);
    expect(isFailureOf(new RemoteError('internal', 'outer@1.one'), Outer.members.one)).to.equal(false);
    expect(isFailureOf(new Error('x'), Outer.members.one)).to.equal(false);
  });

  it('hold for a hundred methods, each with a capability', () => {
    const method = t.method({
      input: { a: t.record({ b: t.array(record), c: t.map(t.string(), union) }), inner: t.remote(Inner) },
      output: { list: t.array(union), inner: t.remote(Inner) },
      errors: ['p', 'q'],
    });
    const many = <const P extends string>(prefix: P) => {
      type Names = `${P}${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9}`;
      const names = Array.from({ length: 100 }, (_, n) => `${prefix}${String(n).padStart(2, '0')}`);
      return Object.fromEntries(names.map((name) => [name, method])) as Record<Names, typeof method>;
    };
    const Hundred = defineInterface('hundred@1', many('m'));
    const check = async (far: Remote<typeof Hundred>, made: Service<(typeof Inner)['members']>) => {
      const a = { b: [], c: new Map() };
      const { list, inner } = await far.m00({ a, inner: made });
      same<typeof list, Infer<typeof union>[]>(true);
      same<typeof inner, Remote<typeof Inner>>(true);
      // @ts-expect-error there are a hundred, and no more
      await far.m100({ a, inner: made });
      return far.m99({ a, inner: made });
    };
    expect(check).to.be.a('function');
    expect(Hundred.table).to.have.length(100);
  });
});
