import { expect } from 'chai';
import { Fd, KiB, policies, type Sandboxee } from '../../broker/index.js';
import { createMemory, seal } from '../../native/broker.js';
import { encodeFacts, encodeId } from '../../protocols/buffer-frames.js';
import type { BufferMode } from '../../protocols/shared-buffer.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { expectProtocolViolation } from '../support/endings.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, perform } from '../support/puppet.js';
import { launchArmed } from './support.js';

const SIZE = 64 * KiB;
const SEAL_SHRINK_GROW = 2 | 4;

/** Has it get a buffer that it keeps, and tells its id. */
function keepOne(sandboxee: Sandboxee): Promise<number> {
  return perform(
    sandboxee,
    async ({ gate, state }, size: number) => {
      const buffer = await gate.requestBuffer(size);
      state.buffer = buffer;
      return buffer.id;
    },
    SIZE,
  );
}

/** Has it send a SharedBuffer frame with an fd that it takes from the broker. */
async function sendAnother(sandboxee: Sandboxee, facts: Buffer, fd: Fd): Promise<void> {
  await begin(
    sandboxee,
    async ({ attack, gate }, message: Buffer) => {
      const file = await gate.comms.recvFd();
      attack.sendWithFds(3, message, [file.number]);
    },
    frame(Tag.SharedBuffer, facts),
  );
  await sandboxee.comms.sendFd(fd);
}

/** Has it send these frames, each with the fd of its buffer. */
function sendWithMemory(sandboxee: Sandboxee, ...facts: Buffer[]): Promise<void> {
  return begin(
    sandboxee,
    ({ attack, state }, messages: Buffer[]) => {
      const fd = (state.memoryFd as () => number)();
      for (const message of messages) attack.sendWithFds(3, message, [fd]);
    },
    facts.map((payload) => frame(Tag.SharedBuffer, payload)),
  );
}

/** Has it send these frames as they are. */
function sendFrames(sandboxee: Sandboxee, frames: readonly Buffer[]): Promise<void> {
  return begin(
    sandboxee,
    ({ attack }, messages: Buffer[]) => {
      for (const message of messages) attack.sendWithFds(3, message, []);
    },
    [...frames],
  );
}

const FOREIGN: readonly (readonly [string, () => Fd])[] = [
  [
    'another memfd, sealed as a buffer is',
    () => {
      const fd = createMemory('foreign', SIZE, { executable: false });
      seal(fd, SEAL_SHRINK_GROW);
      return Fd.adopt(fd);
    },
  ],
  ['a memfd that it could shrink', () => Fd.adopt(createMemory('foreign', SIZE, { executable: false }))],
  ['a smaller memfd', () => Fd.adopt(createMemory('foreign', 4 * KiB, { executable: false }))],
  ['a regular file', () => Fd.open('/etc/passwd')],
  ['a device', () => Fd.open('/dev/zero', 'r', { kind: 'character-device' })],
];

describe('a sandboxee that is hostile with shared memory', () => {
  leakGate();

  for (const [says, make] of FOREIGN) {
    it(`by sending ${says} in the place of its buffer is ended`, async () => {
      await using sandboxee = await launchArmed();
      const id = await keepOne(sandboxee);
      await sendAnother(sandboxee, encodeFacts({ id, mode: 'writable', size: SIZE }), make());
      await expectProtocolViolation(sandboxee, /shared buffer that the broker did not make/);
    });
  }

  const lies: readonly (readonly [string, { id?: number; mode?: BufferMode; size?: number }])[] = [
    ['another id', { id: 4711 }],
    ['a larger size', { size: 2 ** 30 }],
    ['a smaller size', { size: 1 }],
    ['another mode', { mode: 'unsafe' }],
  ];
  for (const [says, lie] of lies) {
    it(`by sending its buffer with ${says} is ended`, async () => {
      await using sandboxee = await launchArmed();
      const id = await keepOne(sandboxee);
      await sendWithMemory(sandboxee, encodeFacts({ id, mode: 'writable', size: SIZE, ...lie }));
      await expectProtocolViolation(sandboxee, /with facts that are not its own/);
    });
  }

  for (const [says, lie] of lies) {
    it(`by sending its buffer by the id alone, with ${says}, is ended`, async () => {
      await using sandboxee = await launchArmed();
      const id = await keepOne(sandboxee);
      await sendFrames(sandboxee, [
        frame(Tag.SharedBufferById, encodeFacts({ id, mode: 'writable', size: SIZE, ...lie })),
      ]);
      await expectProtocolViolation(sandboxee, /with facts that are not its own|by its id, and does not keep it/);
    });
  }

  it('by sending its buffer by the id twice, or once more to be kept, is ended', async () => {
    for (const tag of [Tag.SharedBufferById, Tag.BufferKept]) {
      await using sandboxee = await launchArmed();
      const id = await keepOne(sandboxee);
      const sent = frame(Tag.SharedBufferById, encodeFacts({ id, mode: 'writable', size: SIZE }));
      await sendFrames(sandboxee, tag === Tag.BufferKept ? [frame(tag, encodeId(id))] : [sent, sent]);
      await expectProtocolViolation(sandboxee, /with facts that are not its own|keeps buffer \d+ twice/);
    }
  });

  it('by sending its buffer twice is ended', async () => {
    await using sandboxee = await launchArmed();
    const facts = encodeFacts({ id: await keepOne(sandboxee), mode: 'writable', size: SIZE });
    await sendWithMemory(sandboxee, facts, facts);
    await expectProtocolViolation(sandboxee, /with facts that are not its own/);
  });

  it('by releasing it twice, or one that it never had, is ended', async () => {
    for (const [times, other] of [
      [2, 0],
      [1, 4711],
    ] as const) {
      await using sandboxee = await launchArmed();
      const release = frame(Tag.BufferRelease, encodeId(other || (await keepOne(sandboxee))));
      await begin(
        sandboxee,
        ({ attack }, message: Buffer, count: number) => {
          for (let sent = 0; sent < count; sent += 1) attack.sendWithFds(3, message, []);
        },
        release,
        times,
      );
      await expectProtocolViolation(sandboxee, /released buffer \d+, which it does not have/);
    }
  });

  it('by asking for a mode that does not exist is ended', async () => {
    await using sandboxee = await launchArmed();
    const request = Buffer.alloc(16);
    request.writeUInt32LE(9, 4);
    request.writeBigUInt64LE(1n, 8);
    await begin(
      sandboxee,
      ({ attack }, message: Buffer) => attack.sendWithFds(3, message, []),
      frame(Tag.BufferRequest, request),
    );
    await expectProtocolViolation(sandboxee, /buffer mode 9/);
  });

  it('by writing on in a buffer that it sent by its id changes what is borrowed, and nothing that was copied', async () => {
    await using sandboxee = await launchArmed();
    await begin(sandboxee, async ({ gate }) => {
      const view = await gate.requestBuffer(65536, 'unsafe').then((buffer) => {
        const lasting = buffer.unsafeLastingBytes();
        lasting.set([1, 2, 3]);
        gate.comms.sendBufferSync(buffer);
        return lasting;
      });
      await gate.comms.recvBool();
      view.set([7, 7, 7]);
      gate.comms.sendBoolSync(true);
    });
    using received = await sandboxee.comms.recvBuffer();
    const target = Buffer.alloc(3);
    const copy = received.copyOut(0, 3);
    received.copyInto(target);
    const borrowed = received.unsafeBytes();
    await sandboxee.comms.sendBool(true);
    await sandboxee.comms.recvBool();
    expect([...copy, ...target]).to.deep.equal([1, 2, 3, 1, 2, 3]);
    expect([...borrowed.subarray(0, 3)]).to.deep.equal([7, 7, 7]);
  });

  it('by writing on in a buffer that it has sent changes nothing that the broker has copied', async () => {
    await using sandboxee = await launchArmed({ policy: policies.node().allowSafeFcntl().build() });
    await begin(sandboxee, async ({ attack, gate, state }) => {
      const buffer = await gate.requestBuffer(65536);
      const kept = attack.syscall(72, (state.memoryFd as () => number)(), 1030, 100);
      buffer.copyIn(Buffer.from('honest'));
      gate.comms.sendBufferSync(buffer);
      await gate.comms.recvBool();
      state.written = attack.syscall(18, kept, Buffer.from('FORGED'), 6, 0);
      gate.comms.sendBoolSync(true);
    });
    using received = await sandboxee.comms.recvBuffer();
    const copy = received.copyOut(0, 6);
    await sandboxee.comms.sendBool(true);
    await sandboxee.comms.recvBool();
    expect(copy.toString()).to.equal('honest');
    expect(received.copyOut(0, 6).toString(), 'it really has the memory still').to.equal('FORGED');
  });
});
