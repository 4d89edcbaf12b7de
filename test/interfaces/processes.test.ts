import { unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  Fd,
  InterfaceMismatch,
  type LaunchOptions,
  launch,
  node,
  OptionError,
  PeerGone,
  policies,
  RemoteError,
  type Sandboxee,
} from '../../broker/index.js';
import { service } from '../../protocols/index.js';
import { Tag } from '../../protocols/tags.js';
import { sendRaw } from '../channel/support.js';
import { frame, rejection } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { launchPuppet } from '../support/puppet.js';
import { Demo, Newer, Vault } from './fixtures/demo.js';

const worker = node(new URL('./fixtures/demo.worker.js', import.meta.url));

const vault = (secrets: Record<string, string>) =>
  service(Vault, {
    read: ({ name }, context) => {
      const text = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
      if (text === undefined) throw context.fail('no-such-secret', name);
      return { text };
    },
  });

function start(options: Partial<LaunchOptions> = {}): Promise<Sandboxee> {
  return launch(worker, { policy: policies.node().build(), limits: { wallTime: 40_000 }, ...options });
}

describe('an interface that a sandboxee serves', () => {
  leakGate();

  it('is called by the broker, with everything that a message can carry', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    expect(await demo.add({ a: 2, b: 3 })).to.equal(5);
    const path = join(tmpdir(), `sallyport-${process.pid}`);
    writeFileSync(path, 'x'.repeat(1234));
    try {
      expect(await demo.size({ file: Fd.open(path) })).to.equal(1234n);
    } finally {
      unlinkSync(path);
    }
    using file = (await demo.script()).file;
    expect(file.kind).to.equal('file');
    const { memory } = await demo.fill({ size: 5000, byte: 3 });
    expect(memory.copyOut().equals(Buffer.alloc(5000, 3))).to.equal(true);
    expect(await demo.sum({ memory })).to.equal(15_000);
    const own = sandboxee.createBuffer(10, 'writable');
    own.copyIn(Buffer.alloc(10, 2));
    expect(await demo.sum({ memory: own })).to.equal(20);
  });

  it('answers a thousand calls at once', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    const sums = await Promise.all(Array.from({ length: 1000 }, (_, a) => demo.add({ a, b: 1 })));
    expect(sums).to.deep.equal(Array.from({ length: 1000 }, (_, a) => a + 1));
  });

  it('brings streams, and a stream that is broken off ends inside', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    let read = 0;
    for await (const item of demo.count({ to: 500 })) expect(item.equals(Buffer.alloc(1000, read++))).to.equal(true);
    expect(read).to.equal(500);
    for await (const item of demo.count({ to: 2 ** 31 })) if (item[0] === 20) break;
    while ((await demo.usage()).served > 1);
  });

  it('brings events', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    const heard: number[] = [];
    demo.progress.on(({ done }) => heard.push(done));
    await demo.work({ steps: 3 });
    await demo.usage();
    expect(heard).to.deep.equal([1, 2, 3]);
  });

  it('of another version rejects the first call, and says how it differs', async () => {
    await using sandboxee = await start();
    const error = await rejection(sandboxee.connect(Newer).add({ a: 1n }));
    expect(error)
      .to.be.instanceOf(InterfaceMismatch)
      .and.to.have.property('message')
      .that.contains('+ there: add ({a: int32');
  });

  it('that ends in the middle rejects what is pending with its result', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    const pending = [rejection(demo.hang()), rejection(demo.die())];
    const [first, second] = await Promise.all(pending);
    expect(first).to.be.instanceOf(PeerGone).and.to.equal(second);
    expect(first).to.have.property('result', await sandboxee.result);
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 7 });
    expect(await rejection(demo.add({ a: 1, b: 1 }))).to.equal(first);
  });

  it('that is killed rejects what is pending with its result', async () => {
    await using sandboxee = await start();
    const pending = rejection(sandboxee.connect(Demo).hang());
    sandboxee.kill('enough');
    expect(await pending)
      .to.be.instanceOf(PeerGone)
      .and.to.have.deep.nested.property('result.status', 'killed');
  });

  it('that never answers ends a call at its deadline or its signal, and fds that were sent are not ours any more', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    await demo.add({ a: 0, b: 0 });
    const before = openFiles('self').length;
    expect(await rejection(demo.hang(undefined, { timeout: 30 }))).to.have.property('code', 'ERR_SALLYPORT_TIMEOUT');
    const signal = AbortSignal.timeout(30);
    expect(await rejection(demo.hang(undefined, { signal }))).to.equal(signal.reason);
    expect(
      await rejection(demo.size({ file: Fd.open('/dev/null', 'r', { kind: 'character-device' }) })),
    ).to.have.property('code', 'ERR_SALLYPORT_INVALID_ARGUMENT');
    expect(openFiles('self').length).to.equal(before);
  });
});

describe('an interface that the broker serves', () => {
  leakGate();

  it('is there from the first moment, if it is launched with it', async () => {
    await using sandboxee = await start({ services: [vault({ own: 'pearl' })] });
    expect(await sandboxee.connect(Demo).own()).to.equal('pearl');
  });

  it('is waited for, if it is served later', async () => {
    await using sandboxee = await start();
    const own = sandboxee.connect(Demo).own();
    sandboxee.serve(Vault, { read: () => ({ text: 'late' }) });
    expect(await own).to.equal('late');
  });

  it('is passed as a capability, narrowed as the broker likes, and comes back', async () => {
    await using sandboxee = await start();
    const demo = sandboxee.connect(Demo);
    const narrow = vault({ a: 'ruby' });
    expect(await demo.ask({ vault: narrow, name: 'a' })).to.equal('ruby');
    const error = await rejection(demo.ask({ vault: narrow, name: 'b' }));
    // What failed is its handler, which did not expect that.
    expect(error).to.be.instanceOf(RemoteError).and.to.have.property('code', 'internal');
    while (sandboxee.usage().remotes.given.used > 0) await demo.usage();
  });

  it('kills a sandboxee whose call a handler finds hostile', async () => {
    await using sandboxee = await start();
    sandboxee.serve(Vault, { read: (_input, context) => context.hostile('no honest one asks that') });
    const own = rejection(sandboxee.connect(Demo).own());
    await expectProtocolViolation(sandboxee, /no honest one asks that/);
    expect(await own)
      .to.be.instanceOf(PeerGone)
      .and.to.have.deep.nested.property('result.status', 'violation');
  });

  it('is refused before anything is started, if it is no service', async () => {
    for (const services of [[{}], 'x', [vault({}), vault({})]]) {
      const options = JSON.parse('{}');
      expect(await rejection(start({ ...options, services }))).to.be.instanceOf(OptionError);
    }
  });
});

describe('a sandboxee that sends frames of calls of its own making', () => {
  leakGate();
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const cases: readonly (readonly [string, Buffer, readonly number[], RegExp])[] = [
    ['a call of what it does not hold', frame(Tag.Call, Buffer.alloc(16)), [], /remote 0, which it does not hold/],
    ['an answer to nothing', frame(Tag.Return, Buffer.alloc(8)), [], /not in flight/],
    ['a release of nothing', frame(Tag.Release, word(1)), [], /does not hold/],
    ['an attached fd without its fd', frame(Tag.AttachFd), [], /AttachFd without its fd/],
    ['a call of 5 bytes', frame(Tag.Call, Buffer.alloc(5)), [], /5 bytes/],
    ['a call of 2⁶³ bytes', frame(Tag.Call, Buffer.alloc(0), 2n ** 63n), [], /9223372036854775808 bytes/],
    [
      '65 fds for no message',
      Buffer.concat(Array.from({ length: 65 }, () => frame(Tag.AttachFd))),
      Array.from({ length: 65 }, () => 0),
      /more than 64/,
    ],
  ];
  for (const [name, bytes, fds, detail] of cases) {
    it(`(${name}) is ended, and leaves nothing`, async () => {
      await using sandboxee = await launchPuppet();
      await sendRaw(sandboxee, bytes, fds);
      await expectProtocolViolation(sandboxee, detail);
    });
  }
});
