import { expect } from 'chai';
import { Fd, type Sandboxee } from '../../broker/index.js';
import { addonPath } from '../../native/locate.js';
import { ringDefaults } from '../../protocols/ring.js';
import { KiB, MiB } from '../../protocols/units.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';
import { until } from '../support/until.js';

/** Where the words and the bytes of the ring are that the sandboxee writes. */
const WORDS = 1536;
const OWN_RING = 768;
const DATA = 64 * KiB + ringDefaults.capacity;

interface Ringed {
  /** The whole memory, mapped once more. */
  memory?: Buffer;
  endpoint?: { write(bytes: Uint8Array, fds: number[]): number };
}

/** Runs inside, before the gate: keeps what the SDK maps, as native code in its process could. */
function tapRing({ attack, require, state }: Kit): void {
  const addon = require(process.env.ADDON ?? '');
  addon.Endpoint = class extends addon.Endpoint {
    mapRing(fd: number, options: { capacity: number }): void {
      state.memory = attack.mapShared(fd, 65536 + 2 * options.capacity);
      state.endpoint = this;
      super.mapRing(fd, options);
    }
  };
}

async function launchRinged(): Promise<Sandboxee> {
  const env = { ADDON: addonPath('sandboxee') };
  const sandboxee = await launchPuppet({ before: tapRing, node: { env } });
  try {
    await talk(sandboxee, ringDefaults.after);
    const bytes = await perform(sandboxee, ({ state }) => (state as Ringed).memory?.length);
    expect(bytes).to.equal(64 * KiB + 2 * ringDefaults.capacity);
    return sandboxee;
  } catch (error) {
    await sandboxee.close();
    throw error;
  }
}

async function talk(sandboxee: Sandboxee, words: number): Promise<void> {
  const { comms } = sandboxee;
  await begin(
    sandboxee,
    async ({ gate }, count: number) => {
      for (let i = 0; i < count; i += 1) void gate.comms.sendInt32(await gate.comms.recvInt32());
    },
    words,
  );
  for (let i = 0; i < words; i += 1) void comms.sendInt32(i);
  for (let i = 0; i < words; i += 1) expect(await comms.recvInt32()).to.equal(i);
  expect(await comms.recvValue()).to.deep.equal({ value: null });
}

describe('a busy channel', () => {
  leakGate();

  it('changes over to rings, and carries fds, buffers and large messages in order with the rest', async () => {
    await using sandboxee = await launchRinged();
    const { comms } = sandboxee;
    await begin(sandboxee, ({ gate }) => {
      const inside = gate.comms;
      for (let i = 0; i < 40; i += 1) {
        inside.sendBytesSync(inside.recvBytesSync());
        inside.sendFdSync(inside.recvFdSync());
        inside.sendInt8Sync(inside.recvInt8Sync());
        inside.sendBufferSync(inside.recvBufferSync());
      }
    });
    for (let i = 0; i < 40; i += 1) {
      const bytes = Buffer.alloc(i * 25_000, i);
      void comms.sendBytes(bytes);
      void comms.sendFd(Fd.open('/etc/passwd'));
      void comms.sendInt8(i);
      void comms.sendBuffer(sandboxee.createBuffer(100 + i, 'writable'));
      expect((await comms.recvBytes()).equals(bytes)).to.equal(true);
      using file = await comms.recvFd({ kind: 'file' });
      expect(file.access).to.equal('read');
      expect(await comms.recvInt8()).to.equal(i);
      using buffer = await comms.recvBuffer();
      expect(buffer.size).to.equal(100 + i);
    }
  });

  it('changes over in the middle of a burst that neither the socket nor a ring can hold', async () => {
    await using sandboxee = await launchPuppet();
    const { comms } = sandboxee;
    const count = 400;
    const bytes = Buffer.alloc(32 * KiB, 7);
    await begin(
      sandboxee,
      async ({ gate }, most: number) => {
        for (let i = 0; i < most; i += 1) await gate.comms.sendBytes(await gate.comms.recvBytes());
      },
      count,
    );
    for (let i = 0; i < count; i += 1) void comms.sendBytes(bytes);
    for (let i = 0; i < count; i += 1) expect((await comms.recvBytes()).equals(bytes)).to.equal(true);
    expect(await comms.recvValue()).to.deep.equal({ value: null });
  });

  it('brings what was sent to a broker that sleeps before the sandboxee blocks for the answer', async () => {
    await using sandboxee = await launchRinged();
    const { comms } = sandboxee;
    await begin(sandboxee, ({ gate }) => {
      for (let i = 0; i < 5; i += 1) {
        gate.comms.recvInt8Sync();
        for (let j = 0; j < 100; j += 1) void gate.comms.sendBytes(Buffer.alloc(100, j));
      }
      return gate.comms.recvInt8Sync();
    });
    for (let i = 0; i < 5; i += 1) {
      // Longer than either looks for more.
      await new Promise((resolve) => setTimeout(resolve, 5));
      void comms.sendInt8(i);
      for (let j = 0; j < 100; j += 1) expect((await comms.recvBytes()).equals(Buffer.alloc(100, j))).to.equal(true);
    }
    void comms.sendInt8(100);
    expect(await comms.recvValue()).to.deep.equal({ value: 100 });
  });

  it('gives what was sent before the sandboxee ended, and leaves nothing', async () => {
    await using sandboxee = await launchRinged();
    await begin(sandboxee, ({ gate }) => {
      for (let i = 0; i < 100; i += 1) gate.comms.sendInt32Sync(i);
      process.exit(0);
    });
    expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
    for (let i = 0; i < 100; i += 1) expect(await sandboxee.comms.recvInt32()).to.equal(i);
  });

  it('makes sends wait, and then fail, where the sandboxee does not read its ring', async () => {
    await using sandboxee = await launchRinged();
    await begin(sandboxee, () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    const bytes = Buffer.alloc(8 * MiB);
    const failures: unknown[] = [];
    for (let i = 0; i < 12; i += 1) sandboxee.comms.sendBytes(bytes).catch((error: unknown) => failures.push(error));
    await until(() => failures.length > 0, 'a send fails');
    expect(failures[0]).to.have.property('code', 'ERR_SALLYPORT_LIMIT');
  });
});

interface Attack {
  readonly says: string;
  readonly detail: RegExp;
  /** `own`: where the control words of its ring begin. */
  readonly run: (kit: Required<Kit>, own: number) => unknown;
}

const ATTACKS: readonly Attack[] = [
  {
    says: 'has the head of its ring jump ahead',
    detail: /an index is out of bounds/,
    run: ({ attack, state }, own) => {
      const { memory } = state as Ringed;
      while (memory?.readUInt32LE(own + 256) === 0);
      memory?.writeBigUInt64LE(2n ** 40n, own);
      memory?.writeUInt32LE(0, own + 256);
      attack.sendWithFds(3, Buffer.alloc(8, 0xff), []);
      // Its own next frame would put the head right again.
      for (;;);
    },
  },
  {
    says: 'rings without end',
    detail: /rang though nobody had asked/,
    run: ({ attack }) => {
      for (;;) attack.sendWithFds(3, Buffer.alloc(8, 0xff), []);
    },
  },
  {
    says: 'writes frames to the socket',
    detail: /an fd and its record do not match/,
    run: ({ attack }) => attack.sendWithFds(3, Buffer.alloc(64, 1), []),
  },
  {
    says: 'sends 253 fds',
    detail: /an fd and its record do not match/,
    run: ({ attack }) => attack.sendWithFds(3, Buffer.alloc(8), new Array(253).fill(0)),
  },
  {
    says: 'announces an fd where no frame has one',
    detail: /belong to no frame|where no frame can begin|do not match/,
    run: ({ attack, state, gate }, own) => {
      const record = Buffer.alloc(8);
      record.writeBigUInt64LE(((state as Ringed).memory?.readBigUInt64LE(own) ?? 0n) + 1n);
      attack.sendWithFds(3, record, [0]);
      gate.comms.sendStringSync('x');
    },
  },
  {
    says: 'sends a frame of 2^64 - 1 bytes through it',
    detail: /frame of 18446744073709551615/,
    run: ({ state }) =>
      (state as Ringed).endpoint?.write(Buffer.concat([Buffer.from([7, 0, 0, 0]), Buffer.alloc(8, 0xff)]), []),
  },
];

describe('a sandboxee that breaks its ring', () => {
  leakGate();

  for (const { says, detail, run } of ATTACKS) {
    it(`and ${says} is ended`, async () => {
      await using sandboxee = await launchRinged();
      await begin(sandboxee, run, OWN_RING);
      await expectProtocolViolation(sandboxee, detail);
    });
  }

  it('with random words all over it, while it is used, is ended or goes on, and the broker serves another', async () => {
    await using good = await launchRinged();
    for (let seed = 1; seed <= 6; seed += 1) {
      await using bad = await launchRinged();
      const wide = seed % 2 === 0;
      await begin(
        bad,
        async ({ attack, state, gate }, bytes: number, dice: number) => {
          const { memory } = state as Ringed;
          if (memory !== undefined) attack.scribble(memory, bytes, dice);
          for (;;) await gate.comms.sendInt32(await gate.comms.recvInt32()).catch(() => {});
        },
        wide ? DATA + 64 * KiB : WORDS,
        seed,
      );
      const { comms } = bad;
      for (let i = 0; i < 3000; i += 1) comms.sendInt32(i).catch(() => {});
      await talk(good, 300);
      bad.kill();
      expect((await bad.result).status).to.be.oneOf(['violation', 'killed', 'signaled', 'ok']);
    }
    expect(await perform(good, () => 'undisturbed')).to.equal('undisturbed');
  });
});
