import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { CAPACITY, CONTROL, DOORBELL, Fault, RingAttack, record, SIZE, type Word } from './ring-support.js';
import { broker, errorOf, reaped, turns } from './support.js';

const BIG = 1n << 63n;
const cap = BigInt(CAPACITY);

function memory(): number {
  return broker.createMemory('m', 1, { executable: false });
}

interface Case {
  readonly says: string;
  readonly attack: (ring: RingAttack) => unknown;
  readonly fault: number;
}

const CASES: readonly Case[] = [
  { says: 'says that it wrote more than fits', attack: (ring) => ring.set(1, 'head', cap + 1n), fault: Fault.Index },
  { says: 'has its head jump half the world ahead', attack: (ring) => ring.set(1, 'head', BIG), fault: Fault.Index },
  {
    says: 'has its head go back',
    attack: async (ring) => {
      ring.put(Buffer.from('ab'));
      await ring.wake();
      await ring.peer.until(2);
      ring.set(1, 'head', 0n);
    },
    fault: Fault.Index,
  },
  {
    says: 'rings though nobody asked',
    attack: (ring) => ring.send(Buffer.concat([DOORBELL, DOORBELL])),
    fault: Fault.Doorbells,
  },
  { says: 'writes a frame to the socket', attack: (ring) => ring.send(Buffer.alloc(64)), fault: Fault.FdRecord },
  { says: 'sends a record without its fd', attack: (ring) => ring.send(record(0n)), fault: Fault.FdRecord },
  { says: 'sends two fds with a record', attack: (ring) => sendFds(ring, record(0n), 2), fault: Fault.FdRecord },
  {
    says: 'sends 253 fds with half a record',
    attack: (ring) => sendFds(ring, record(0n).subarray(4), 253),
    fault: Fault.FdRecord,
  },
  { says: 'sends an fd with a doorbell', attack: (ring) => sendFds(ring, DOORBELL, 1), fault: Fault.FdRecord },
  {
    says: 'announces an fd beyond the ring',
    attack: (ring) => sendFds(ring, record(cap + 1n), 1),
    fault: Fault.FdPosition,
  },
  {
    says: 'announces a second fd before the frame of the first',
    attack: (ring) => {
      sendFds(ring, record(0n), 1);
      sendFds(ring, record(12n), 1);
    },
    fault: Fault.FdPosition,
  },
  {
    says: 'announces two fds for one place',
    attack: (ring) => {
      ring.put(Buffer.alloc(24));
      sendFds(ring, record(12n), 1);
      sendFds(ring, record(12n), 1);
    },
    fault: Fault.FdPosition,
  },
  {
    says: 'counts an fd that it does not send',
    attack: (ring) => {
      ring.set(1, 'fds', 1n);
      ring.put(Buffer.alloc(12));
    },
    fault: Fault.FdCount,
  },
  {
    says: 'counts more fds than there can be',
    attack: (ring) => {
      ring.set(1, 'fds', BIG - 1n);
      ring.put(Buffer.alloc(12));
    },
    fault: Fault.FdCount,
  },
  {
    says: 'ends inside a record',
    attack: (ring) => {
      ring.send(record(0n).subarray(3));
      broker.close(ring.raw);
    },
    fault: Fault.Torn,
  },
];

function sendFds(ring: RingAttack, bytes: Buffer, count: number): void {
  const fd = memory();
  ring.send(bytes, new Array<number>(count).fill(fd));
  broker.close(fd);
}

describe('endpoint: a ring in hostile hands', () => {
  leakGate();

  for (const { says, attack, fault } of CASES) {
    it(`is broken where the peer ${says}`, async () => {
      const ring = new RingAttack();
      await turns(5);
      await attack(ring);
      if (fault === Fault.Index || fault === Fault.FdCount) await ring.wake();
      await ring.peer.untilEnd();
      expect(ring.peer.statuses).to.deep.equal([fault]);
      ring.peer.close();
      ring.mapping.unmap();
      if (fault !== Fault.Torn) broker.close(ring.raw);
      await reaped();
    });
  }

  it('is broken for the writer where the peer says that it read what was not written', async () => {
    const ring = new RingAttack();
    ring.set(0, 'attached', 1n);
    ring.peer.endpoint.write(Buffer.from('abc'), []);
    ring.set(0, 'tail', 4n);
    expect(errorOf(() => ring.peer.endpoint.write(Buffer.from('d'), [])).code).to.equal('EPROTO');
    await ring.peer.untilEnd();
    expect(ring.peer.statuses).to.deep.equal([Fault.Index]);
    ring.close();
  });

  it('is broken for the writer where the tail goes back', () => {
    const ring = new RingAttack();
    ring.set(0, 'attached', 1n);
    ring.peer.endpoint.write(Buffer.from('abc'), []);
    ring.set(0, 'tail', 3n);
    ring.peer.endpoint.write(Buffer.from('d'), []);
    ring.set(0, 'tail', 0n);
    expect(errorOf(() => ring.peer.endpoint.write(Buffer.from('e'), [])).code).to.equal('EPROTO');
    ring.close();
  });

  it('holds no more than its size for a peer that never says it reads', () => {
    const ring = new RingAttack();
    expect(ring.peer.endpoint.write(Buffer.alloc(100), [])).to.equal(100);
    ring.set(0, 'attached', 1n);
    expect(ring.peer.endpoint.write(Buffer.alloc(100), [])).to.equal(200);
    ring.close();
  });

  it('does not block for a peer that always says it sleeps and never reads its socket', async () => {
    const ring = new RingAttack();
    ring.set(0, 'attached', 1n);
    let tail = 0n;
    for (let index = 0; index < 5000; index += 1) {
      new DataView(ring.memory).setUint32(256, 1, true);
      ring.peer.endpoint.write(Buffer.alloc(64), []);
      tail += 64n;
      ring.set(0, 'tail', tail);
    }
    await turns(5);
    expect([ring.peer.endpoint.queued, ring.peer.statuses]).to.deep.equal([0, []]);
    ring.close();
  });

  it('is looked at no more once the socket has ended, though somebody goes on writing to it', async () => {
    const ring = new RingAttack();
    ring.put(Buffer.from('last'));
    broker.close(ring.raw);
    await ring.peer.untilEnd();
    ring.put(Buffer.from('more'));
    await turns(20);
    expect(ring.peer.received.toString()).to.equal('last');
    expect(ring.peer.statuses).to.deep.equal([1]);
    ring.peer.close();
    ring.mapping.unmap();
  });

  it('never leads out of itself, whatever is written to any of its words while it is used', async () => {
    const words: readonly Word[] = ['head', 'fds', 'tail', 'sleeping', 'waiting', 'attached', 'cpu'];
    for (let seed = 1; seed <= 150; seed += 1) {
      const ring = new RingAttack({}, seed % 2 === 0 ? 50_000 : 0);
      const dice = seeded(seed);
      for (let step = 0; step < 60 && ring.peer.statuses.length === 0; step += 1) {
        const word = words[dice(words.length)] ?? 'head';
        const side = dice(2) === 0 ? 0 : 1;
        const near = ring.get(side, word) + BigInt(dice(3 * CAPACITY) - CAPACITY / 2);
        const value = [near, near & 0xffffn, BigInt(dice(2)), BigInt(dice(2 ** 31)) << BigInt(dice(33))][dice(4)] ?? 0n;
        if (dice(3) === 0) ring.set(side, word, BigInt.asUintN(64, value));
        if (dice(3) === 0) ring.put(Buffer.alloc(dice(200), step));
        if (dice(4) === 0 && ring.get(1, 'sleeping') !== 0n) await ring.wake();
        if (dice(20) === 0) ring.send(Buffer.alloc(dice(20), 0xff));
        if (dice(20) === 0) sendFds(ring, record(BigInt(dice(400))), 1 + dice(2));
        new Uint8Array(ring.memory, CONTROL + dice(SIZE - CONTROL)).fill(dice(256), 0, 64);
        try {
          ring.peer.endpoint.write(Buffer.alloc(dice(5000)), []);
        } catch {
          break;
        }
        if (dice(3) === 0) await turns(1);
      }
      await turns(2);
      expect(ring.peer.statuses.every((status) => status <= -1001 && status >= -1006)).to.equal(true);
      ring.close();
    }
    await reaped();
  });
});

/** xorshift: what a seed did, it does again. */
function seeded(seed: number): (below: number) => number {
  let state = seed * 2654435761;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
