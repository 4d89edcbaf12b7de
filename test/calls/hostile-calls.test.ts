import { expect } from 'chai';
import fc from 'fast-check';
import { Peer } from '../../protocols/calls/peer.js';
import { service } from '../../protocols/calls/service.js';
import { PeerGone } from '../../protocols/errors.js';
import { PART } from '../../protocols/limits.js';
import { defineInterface, t } from '../../protocols/schema/index.js';
import { Tag } from '../../protocols/tags.js';
import { HostilePeer, rejection, settle } from '../comms/support.js';
import { Everything, type Handlers, Logger, PeerPair, serveEverything } from './support.js';

const BINDING = 0x80000000;
const ordinals = new Map(Everything.table.map(({ name }, ordinal) => [name, ordinal]));

/** Its first two members have the ordinals of those of Everything. */
const Early = defineInterface('early@1', {
  add: t.method({ input: { a: t.int32(), b: t.int32() } }),
  warmUp: t.method({ phase: 'start-up' }),
});
ordinals.set('warmUp', 1);

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * index);
  return bytes;
}

/** A broker's peer, whose other side is the test itself. */
class Victim {
  readonly hostile: HostilePeer;
  readonly peer: Peer;
  readonly started: string[] = [];

  constructor(replaced: Partial<Handlers> = {}, phase: 'open' | 'start-up' = 'open') {
    this.hostile = new HostilePeer({ phase });
    this.peer = new Peer(this.hostile.comms, { outcome: Promise.resolve({ status: 'violation' }) });
    const never = () => new Promise<never>(() => {});
    const pair = { fd: () => expect.fail('not used'), fds: this.hostile.fds };
    serveEverything(pair, this.peer, { take: never, wait: never, ...replaced });
  }

  get violation(): string | undefined {
    return this.hostile.violations[0]?.message;
  }

  serve(): void {
    this.peer.serve(Early, { add: () => {}, warmUp: () => {} });
  }

  connect(binding = BINDING, { name, hash }: { readonly name: string; readonly hash: Buffer } = Everything): this {
    this.hostile.frame(
      Tag.Connect,
      Buffer.concat([words(binding), hash, Buffer.from([name.length]), Buffer.from(name)]),
    );
    return this;
  }

  call(
    id: number,
    member: string,
    payload: Uint8Array = Buffer.alloc(0),
    { target = BINDING, counts = [0, 0, 0, 0] } = {},
  ): this {
    const head = words(id, target, ordinals.get(member) ?? 0xffff);
    this.hostile.frame(Tag.Call, Buffer.concat([head, Buffer.from(counts), payload]));
    return this;
  }

  attach(count = 1, facts: object = {}): this {
    for (let each = 0; each < count; each++)
      this.hostile.frame(Tag.AttachFd, undefined, [this.hostile.fds.make(facts)]);
    return this;
  }

  async end(): Promise<void> {
    await settle();
    this.hostile.comms.close();
    await settle();
  }
}

const INPUT = words(1, 2);
/** An input of `use`, with a remote of this id. */
const useOf = (remote: number) => Buffer.concat([Buffer.from([0]), words(0), words(remote)]);

describe('a hostile peer', () => {
  const attacks: readonly (readonly [string, (victim: Victim) => unknown, string])[] = [
    ['calls what it is not connected to', (v) => v.call(1, 'add', INPUT), 'remote 2147483648, which it does not hold'],
    [
      'calls a service that was never passed to it',
      (v) => v.connect().call(1, 'add', INPUT, { target: 1 }),
      'remote 1, which',
    ],
    ['calls a member that does not exist', (v) => v.connect().call(1, 'no such', INPUT), 'member 65535'],
    ['calls an event', (v) => v.connect().call(1, 'latest'), 'nothing to call'],
    [
      'uses the id of a call in flight',
      (v) => v.connect().call(1, 'wait', words(1)).call(1, 'wait', words(1)),
      'call 1 while',
    ],
    ['sends an input that is cut short', (v) => v.connect().call(1, 'add', words(1)), 'b: the message is cut short'],
    ['sends more than the input', (v) => v.connect().call(1, 'add', words(1, 2, 3)), '4 bytes follow'],
    [
      'names an fd that never came',
      (v) => v.connect().call(1, 'take', Buffer.from([0]), { counts: [1, 0, 0, 0] }),
      '0 and 0 came',
    ],
    [
      'attaches an fd that it does not count',
      (v) =>
        v
          .connect()
          .attach(2)
          .call(1, 'take', Buffer.from([0]), { counts: [1, 0, 0, 0] }),
      '2 and 0 came',
    ],
    ['attaches an fd to a call without one', (v) => v.connect().attach().call(1, 'add', INPUT), '1 and 0 came'],
    [
      'counts an fd that the input does not name',
      (v) =>
        v
          .connect()
          .attach()
          .call(1, 'add', INPUT, { counts: [1, 0, 0, 0] }),
      '1 fds, buffers or remotes',
    ],
    [
      'sends a directory for a file',
      (v) =>
        v
          .connect()
          .attach(1, { mode: 0o040000 })
          .call(1, 'take', Buffer.from([0]), { counts: [1, 0, 0, 0] }),
      'file: the fd is a directory',
    ],
    ['attaches fds without end', (v) => v.attach(65), 'more than 64'],
    [
      'attaches a buffer where none are carried',
      (v) => v.hostile.frame(Tag.AttachBuffer, words(1, 1, 1, 0), [v.hostile.fds.make()]),
      'carries none',
    ],
    [
      'counts remotes that are not there',
      (v) => v.connect().call(1, 'nothing', Buffer.alloc(0), { counts: [0, 0, 9, 0] }),
      'malformed head',
    ],
    [
      'has something in the fourth count',
      (v) => v.connect().call(1, 'nothing', Buffer.alloc(0), { counts: [0, 0, 0, 1] }),
      'malformed head',
    ],
    [
      'passes remote 0',
      (v) =>
        v.connect().call(1, 'use', Buffer.concat([Buffer.from([0]), words(0), words(0)]), { counts: [0, 0, 1, 0] }),
      'remote 0',
    ],
    [
      'gives back what it does not hold',
      (v) => v.connect().call(1, 'use', useOf(0x80000005), { counts: [0, 0, 1, 0] }),
      'remote 5, which it does not hold',
    ],
    [
      'gives back a connection that it did not make',
      (v) => v.connect().call(1, 'use', useOf(0xc0000001), { counts: [0, 0, 1, 0] }),
      'remote 2147483649, which it does not hold',
    ],
    [
      'gives back another kind of remote than it was given',
      (v) => v.connect().call(1, 'use', useOf(0xc0000000), { counts: [0, 0, 1, 0] }),
      'gave back a remote of everything@1 for one of logger@1',
    ],
    [
      'passes a remote of an id that none has',
      (v) => v.connect().call(1, 'use', useOf(0x40000000), { counts: [0, 0, 1, 0] }),
      'remote 1073741824, which can be none',
    ],
    [
      'answers a call that was never made',
      (v) => v.hostile.frame(Tag.Return, words(7, 0)),
      'call 7, which is not in flight',
    ],
    ['fails a call that was never made', (v) => v.hostile.frame(Tag.Fail, Buffer.alloc(6)), 'call 0, which is not'],
    [
      'sends an item of a stream that was never opened',
      (v) => v.hostile.frame(Tag.Item, words(7, 0)),
      'call 7, which is not',
    ],
    [
      'answers a connection that was never asked for',
      (v) => v.hostile.frame(Tag.Connected, words(BINDING)),
      'not open',
    ],
    ['refuses a connection that was never asked for', (v) => v.hostile.frame(Tag.Refused, Buffer.alloc(5)), 'not open'],
    ['connects as one id twice', (v) => v.connect().connect(), 'which it used'],
    ['connects as an id of ours', (v) => v.connect(5), 'which it used'],
    ['connects as an id far off', (v) => v.connect(0xffffffff), 'connects more than'],
    ['connects without end', (v) => Array.from({ length: 65 }, (_, n) => v.connect(BINDING + n)), 'connects more than'],
    [
      'connects to a name of control characters',
      (v) =>
        v.hostile.frame(
          Tag.Connect,
          Buffer.concat([words(BINDING), Buffer.alloc(32), Buffer.from([1]), Buffer.from('\n')]),
        ),
      'malformed connect',
    ],
    [
      'connects with a name that is longer than it says',
      (v) =>
        v.hostile.frame(
          Tag.Connect,
          Buffer.concat([words(BINDING), Buffer.alloc(32), Buffer.from([1]), Buffer.from('ab')]),
        ),
      'malformed connect',
    ],
    ['releases what it does not hold', (v) => v.hostile.frame(Tag.Release, words(1)), 'does not hold'],
    [
      'releases twice',
      (v) => {
        v.connect();
        v.hostile.frame(Tag.Release, words(BINDING));
        v.hostile.frame(Tag.Release, words(BINDING));
      },
      'does not hold',
    ],
    [
      'calls after release',
      (v) => {
        v.connect();
        v.hostile.frame(Tag.Release, words(BINDING));
        v.call(1, 'add', INPUT);
      },
      'does not hold',
    ],
    [
      'listens to a method',
      (v) => {
        v.connect();
        v.hostile.frame(Tag.Listen, words(BINDING, 1));
      },
      'listens to member 0',
    ],
    ['listens to what it does not hold', (v) => v.hostile.frame(Tag.Listen, words(3, 1)), 'does not hold'],
    [
      'makes calls without end',
      (v) => {
        v.connect();
        for (let id = 0; id < 1025; id++) v.call(id, 'wait', words(id));
      },
      '1024 calls',
    ],
    [
      'sends more fds than may be in flight',
      (v) => {
        v.connect();
        for (let id = 0; id < 65; id++) v.attach().call(id, 'take', Buffer.from([0]), { counts: [1, 0, 0, 0] });
      },
      '64 fds in flight',
    ],
    [
      'sends more bytes than may be in flight',
      (v) => {
        v.connect();
        for (let id = 0; id < 20; id++)
          v.call(id, 'echo', Buffer.concat([words(1024 * 1024), Buffer.alloc(1024 * 1024)]));
      },
      'bytes and 0 fds in flight',
    ],
    [
      'calls and cancels without end',
      (v) => {
        v.connect();
        for (let id = 0; id < 1025; id++) {
          v.call(id, 'wait', words(id));
          v.hostile.frame(Tag.Cancel, words(id));
        }
      },
      '1024 calls',
    ],
    [
      'calls what waits to be served without end',
      (v) => {
        const name = 'later@1';
        v.hostile.frame(
          Tag.Connect,
          Buffer.concat([words(BINDING), Buffer.alloc(32), Buffer.from([name.length]), Buffer.from(name)]),
        );
        for (let id = 0; id < 1025; id++) v.call(id, 'add', INPUT);
      },
      '1024 calls',
    ],
  ];
  for (const [name, attack, says] of attacks) {
    it(`that ${name} breaks the protocol, and leaves no fd open`, async () => {
      const victim = new Victim({
        echo: () => new Promise(() => {}),
        take: ({ file }) => {
          file.close();
          return new Promise(() => {});
        },
      });
      attack(victim);
      await settle(400);
      expect(victim.violation).to.contain(says);
      await victim.end();
      expect(victim.hostile.fds.open.size).to.equal(0);
    });
  }

  const harmless: readonly (readonly [string, (victim: Victim) => unknown])[] = [
    [
      'cancels what was answered',
      (v) => {
        v.connect().call(1, 'add', INPUT);
        v.hostile.frame(Tag.Cancel, words(1));
      },
    ],
    [
      'cancels and credits what never was',
      (v) => {
        v.hostile.frame(Tag.Cancel, words(9));
        v.hostile.frame(Tag.Credit, words(9, 0xffffffff, 0xffffffff));
      },
    ],
    [
      'sends events to nobody',
      (v) => {
        v.hostile.frame(Tag.Event, words(1, 2));
        v.hostile.frame(Tag.EventsEnded, words(1, 2));
      },
    ],
    [
      'listens and stops without end',
      (v) => {
        v.connect();
        for (let n = 0; n < 1000; n++)
          v.hostile.frame(Tag.Listen, words(BINDING, 2 * (ordinals.get('latest') ?? 0) + (n % 2)));
      },
    ],
    [
      'drops what it attached',
      (v) => {
        v.attach(3);
        v.hostile.frame(Tag.AttachDrop);
      },
    ],
  ];
  for (const [name, act] of harmless) {
    it(`that ${name} gains and costs nothing`, async () => {
      const victim = new Victim();
      act(victim);
      await settle(40);
      expect(victim.violation).to.equal(undefined);
      await victim.end();
      expect(victim.hostile.fds.open.size).to.equal(0);
    });
  }

  it('that attaches fds and goes away in the middle of the message leaves none', async () => {
    const victim = new Victim();
    victim.connect().attach(3);
    const head = Buffer.alloc(12);
    head.writeUInt32LE(Tag.Call, 0);
    head.writeUInt32LE(100, 4);
    victim.hostile.send(Buffer.concat([head, words(1, BINDING, 5)]));
    await settle();
    expect(victim.hostile.fds.open.size).to.equal(3);
    victim.hostile.transport.close();
    await settle();
    expect(victim.hostile.fds.open.size).to.equal(0);
    expect(victim.violation).to.equal(undefined);
    victim.hostile.comms.close();
  });

  it('that leaves its answers unread is not worked for any more', async () => {
    const hostile = new HostilePeer({ pair: { capacity: 1000 } });
    let started = 0;
    const peer = new Peer(hostile.comms);
    const pair = { fd: () => expect.fail('not used'), fds: hostile.fds };
    serveEverything(pair, peer, {
      echo: () => {
        started++;
        return { bytes: Buffer.alloc(512 * 1024) };
      },
    });
    const { name, hash } = Everything;
    hostile.frame(Tag.Connect, Buffer.concat([words(BINDING), hash, Buffer.from([name.length]), Buffer.from(name)]));
    hostile.transport.pause();
    for (let id = 0; id < 500; id++) hostile.frame(Tag.Call, Buffer.concat([words(id, BINDING, 1, 0), words(0)]));
    await settle(100);
    expect(started).to.be.below(5);
    expect(peer.usage().queued.used).to.be.below(3 * 1024 * 1024);
    expect(hostile.violations).to.deep.equal([]);
    hostile.comms.close();
  });

  it('that says nothing ends a call at its deadline, and pending calls with its result when it is gone', async () => {
    const victim = new Victim();
    const remote = victim.peer.connect(Everything);
    const calls = [rejection(remote.wait({ id: 1 })), rejection(remote.wait({ id: 2 }, { timeout: 10 }))];
    expect(await calls[1]).to.have.property('code', 'ERR_SALLYPORT_TIMEOUT');
    victim.hostile.frame(Tag.Return, words(99, 0));
    expect(await calls[0])
      .to.be.instanceOf(PeerGone)
      .and.to.have.deep.property('result', { status: 'violation' });
  });

  it('cannot answer with what is not of the interface', async () => {
    const victim = new Victim();
    const remote = victim.peer.connect(Everything);
    const call = rejection(remote.give());
    victim.hostile.frame(Tag.AttachFd, undefined, [victim.hostile.fds.make({ mode: 0o010000 })]);
    victim.hostile.frame(Tag.Return, Buffer.concat([words(1), Buffer.from([1, 0, 0, 0]), Buffer.from([0])]));
    expect(await call).to.be.instanceOf(PeerGone);
    expect(victim.violation).to.contain('an output of everything@1.give').and.to.contain('file: the fd is a pipe');
    expect(victim.hostile.fds.open.size).to.equal(0);
  });

  it('cannot fail with a code that the interface does not declare', async () => {
    const victim = new Victim();
    const call = rejection(victim.peer.connect(Everything).nothing());
    victim.hostile.frame(Tag.Fail, Buffer.concat([words(1), Buffer.from([0, 0])]));
    await call;
    expect(victim.violation).to.contain('code 0');
  });

  it('cannot put control characters into an error', async () => {
    const victim = new Victim();
    const call = rejection(victim.peer.connect(Everything).give());
    victim.hostile.frame(Tag.Fail, Buffer.concat([words(1), Buffer.from([0, 0]), Buffer.from('\x1b[31m')]));
    expect(String(await call)).to.not.contain('\x1b');
  });

  it('cannot send more of a stream than its window', async () => {
    const victim = new Victim();
    const stream = victim.peer.connect(Everything).count({ to: 1 });
    for (let n = 0; n < 5; n++) victim.hostile.frame(Tag.Item, words(1, 0, n));
    await settle();
    expect(victim.violation).to.contain('its window of 4 items');
    stream.cancel();
  });

  it('gains nothing by granting more than a window', async () => {
    let asked = 0;
    const victim = new Victim({
      count: function* () {
        for (;;) yield asked++;
      },
    });
    victim.connect().call(1, 'count', words(0));
    await settle();
    for (let n = 0; n < 100; n++) victim.hostile.frame(Tag.Credit, words(1, 0xffffffff, 0xffffffff));
    await settle(1);
    expect(asked).to.be.below(4 + 8);
    await victim.end();
  });

  it('ends a stream with no value', async () => {
    const victim = new Victim();
    const stream = victim.peer.connect(Everything).count({ to: 1 });
    victim.hostile.frame(Tag.Return, words(1, 0, 5));
    await settle();
    expect(victim.violation).to.contain('ended a stream with a value');
    stream.cancel();
  });

  it('cannot pass more remotes than may be held', async () => {
    const held: unknown[] = [];
    const victim = new Victim({
      use: ({ logger }) => {
        held.push(logger);
      },
    });
    victim.connect();
    for (let id = 0; id < 1100; id++) {
      victim.call(id, 'use', Buffer.concat([Buffer.from([0]), words(0), words(id + 1)]), { counts: [0, 0, 1, 0] });
      if (id % 100 === 99) await settle(4);
    }
    await settle(40);
    expect(victim.violation).to.contain('more than 1024 remotes');
  });

  it('cannot send parts of no answer, small ones, or more of them than a message may have', async () => {
    const part = (isLast: number, bytes: Buffer) => Buffer.concat([Buffer.from([isLast]), bytes]);
    const large = part(0, Buffer.alloc(PART));
    const cases: readonly (readonly [boolean, readonly Buffer[], string])[] = [
      [false, [large], 'no call is in flight'],
      [true, [part(0, Buffer.alloc(PART - 1))], 'a part of 65535 bytes'],
      [true, [part(2, Buffer.alloc(9))], 'neither the last'],
      [true, [part(1, Buffer.alloc(7))], 'cut short'],
      [true, [large, part(1, Buffer.alloc(0))], 'call 0, which is not in flight'],
      [true, Array.from({ length: 257 }, () => large), 'parts of more than 16777216 bytes'],
    ];
    for (const [isCalled, parts, says] of cases) {
      const victim = new Victim();
      const call = isCalled ? rejection(victim.peer.connect(Everything).nothing()) : Promise.resolve();
      for (const each of parts) victim.hostile.frame(Tag.Part, each);
      for (let turns = 0; turns < 1000 && victim.violation === undefined; turns++) await settle(1);
      expect(victim.violation, says).to.contain(says);
      await victim.end();
      await call;
    }
  });

  it('cannot give back more remotes than may be held, nor one that it has let go of', async () => {
    for (const isReleased of [false, true]) {
      const held: unknown[] = [];
      const victim = new Victim({
        use: ({ logger }) => {
          held.push(logger);
        },
      });
      victim.connect();
      const own = victim.peer.connect(Everything).use({ logger: service(Logger, { log: () => {} }), line: '' });
      await settle();
      if (isReleased) victim.hostile.frame(Tag.Release, words(1));
      for (let id = 0; id < 1100 && victim.violation === undefined; id++) {
        victim.call(id, 'use', useOf(0x80000001), { counts: [0, 0, 1, 0] });
        if (id % 100 === 99) await settle(4);
      }
      await settle(40);
      expect(victim.violation).to.contain(isReleased ? 'does not hold' : 'gave back too many');
      expect(held.length).to.be.below(1025);
      await rejection(own);
      await victim.end();
    }
  });

  it('is told by a handler that it is', async () => {
    const victim = new Victim({ add: (_input, context) => context.hostile('an offset beyond the frame') });
    victim.connect().call(1, 'add', INPUT);
    await settle();
    expect(victim.violation).to.contain('an offset beyond the frame');
  });

  it('that calls before go breaks the protocol, and nothing of ours leaves before', async () => {
    const early = new HostilePeer({ phase: 'handshake' });
    const remote = new Peer(early.comms).connect(Everything);
    expect(await rejection(remote.nothing())).to.have.property('code', 'ERR_SALLYPORT_CLOSED');
    early.frame(Tag.Connect, Buffer.alloc(40));
    await settle();
    expect(early.violations[0]?.message).to.contain('may not send now');
  });

  const early: readonly (readonly [string, (v: Victim) => unknown, string])[] = [
    ['calls what is not of the start-up', (v) => v.connect().call(1, 'add', INPUT), 'add, which it may from go on'],
    ['reads a stream', (v) => v.connect().call(1, 'count', words(1)), 'count, which it may from go on'],
    ['calls what waits to be served', (v) => v.connect(BINDING, Early).call(1, 'add', INPUT).serve(), 'from go on'],
    ['listens', (v) => v.connect().hostile.frame(Tag.Listen, words(BINDING, 1)), 'listens before go'],
  ];
  for (const [name, attack, says] of early) {
    it(`that ${name} in the start-up breaks the protocol`, async () => {
      const victim = new Victim({}, 'start-up');
      attack(victim);
      await settle();
      expect(victim.violation).to.contain(says);
      await victim.end();
    });
  }

  it('that calls what is of the start-up breaks the protocol from go on, and between', async () => {
    for (const isOver of [false, true]) {
      const victim = new Victim({}, isOver ? 'start-up' : 'open');
      victim.serve();
      if (isOver) victim.hostile.comms.startUpOver();
      victim.connect(BINDING, Early).call(1, 'warmUp');
      await settle();
      expect(victim.violation).to.contain(isOver ? 'may not send now' : 'warmUp, which it may before go alone');
      await victim.end();
    }
  });

  it('that leaves calls of the start-up unanswered ends them with it', async () => {
    const victim = new Victim({}, 'start-up');
    const call = rejection(victim.peer.connect(Early).warmUp());
    await settle();
    victim.hostile.comms.startUpOver();
    expect(await call)
      .to.have.property('message')
      .that.contains('before the end of the start-up');
    expect(victim.peer.usage().made.calls.used).to.equal(0);
    await victim.end();
  });

  it('that makes calls where none are carried breaks the protocol', async () => {
    const plain = new HostilePeer();
    plain.frame(Tag.Connect, Buffer.alloc(40));
    await settle();
    expect(plain.violations[0]?.message).to.contain('carries none');
  });

  it('cannot make handlers give away more remotes than it may hold', async () => {
    const held: unknown[] = [];
    const pair = new PeerPair();
    const logger = service(Logger, { log: () => {} });
    serveEverything(pair, pair.sandboxee.peer, {
      use: ({ logger: given }) => {
        held.push(given);
      },
    });
    const remote = pair.broker.peer.connect(Everything);
    for (let count = 0; count < 1024; count++) await remote.use({ logger, line: '' });
    const error = await rejection(remote.use({ logger, line: '' }));
    expect(error).to.include({ which: 'remotes' });
    pair.close();
  });

  it('may send any sequence of frames of calls: there is a violation or there is none, and no fd is left', async () => {
    const tags = Object.entries(Tag)
      .filter(([name]) =>
        /^(Attach(Fd|Drop)|Connect|Connected|Refused|Call|Return|Fail|Cancel|Item|Credit|Event|Listen|EventsEnded|Release)$/.test(
          name,
        ),
      )
      .map(([, tag]) => tag);
    const small = fc.constantFrom(0, 1, 2, 3, BINDING, BINDING + 1, 0xffffffff, 0x100, 0x10001);
    const payload = fc.oneof(
      fc.array(small, { maxLength: 8 }).map((list) => words(...list)),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...tags), payload), { maxLength: 30 }), async (frames) => {
        const victim = new Victim({
          take: ({ file }) => {
            file.close();
            return 1;
          },
        });
        const remote = victim.peer.connect(Everything);
        const calls = [remote.give().then(({ file }) => file.close()), remote.add({ a: 1, b: 1 })].map((call) =>
          call.catch(() => {}),
        );
        victim.connect();
        for (const [tag, bytes] of frames) {
          if (tag === Tag.AttachFd) victim.attach();
          else victim.hostile.frame(tag, bytes);
        }
        await victim.end();
        await Promise.all(calls);
        expect(victim.hostile.fds.open.size).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });
});
