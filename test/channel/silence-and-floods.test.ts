import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { Fd, KiB, LimitExceeded, MiB, PeerGone } from '../../broker/index.js';
import { Tag } from '../../protocols/tags.js';
import { frame } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { openFiles } from '../support/processes.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { flood, launchArmed, rejectionOf } from './support.js';

function stalledAfter(outcome: string): number {
  expect(outcome).to.match(/^stalled after \d+$/);
  return Number(outcome.split(' ').at(-1));
}

describe('half a frame and then silence', () => {
  leakGate();

  for (const [says, bytes] of [
    ['half a header', frame(Tag.String, Buffer.from('x')).subarray(0, 6)],
    ['a header without its payload', frame(Tag.String, Buffer.alloc(0), 1000n)],
    ['a header of the largest frame', frame(Tag.Bytes, Buffer.alloc(0), BigInt(16 * MiB))],
  ] as const) {
    it(`(${says}) holds up neither the broker nor another sandboxee`, async () => {
      await using silent = await launchPuppet();
      await using other = await launchPuppet();
      const waiting = rejectionOf(silent.comms.recvString());
      await begin(
        silent,
        ({ attack }, message: Buffer) => {
          attack.sendWithFds(3, message, []);
          for (;;);
        },
        bytes,
      );
      expect(await perform(other, () => 'served')).to.equal('served');
      silent.kill();
      expect(await waiting).to.be.instanceOf(PeerGone);
      expect((await silent.result).status).to.equal('killed');
    });
  }
});

describe('a flood', () => {
  leakGate();

  it('of small frames that nobody receives stops at a bound, and is read to the last once somebody does', async () => {
    await using sandboxee = await launchArmed();
    const sent = stalledAfter(await flood(sandboxee, frame(Tag.Int8, Buffer.of(5)), [], 1_000_000));
    expect(sent).to.be.lessThan(50_000);
    await using other = await launchPuppet();
    expect(await perform(other, () => 'served')).to.equal('served');
    for (let count = 0; count < sent; count += 1) expect(await sandboxee.comms.recvInt8()).to.equal(5);
    expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: null });
  });

  it('of large frames that nobody receives stops at a bound', async () => {
    await using sandboxee = await launchArmed();
    const sent = stalledAfter(await flood(sandboxee, frame(Tag.Bytes, Buffer.alloc(16 * KiB)), [], 100_000));
    expect(sent * 16 * KiB).to.be.lessThan(4 * MiB);
  });

  it('of fds that nobody receives stops at a bound, and leaves the broker its open files', async () => {
    await using sandboxee = await launchArmed();
    const before = openFiles('self').length;
    const outcome = await flood(sandboxee, frame(Tag.Fd), [0], 100_000);
    expect(outcome).to.match(/^(stalled|refused with -109) after \d+$/);
    expect(openFiles('self').length - before).to.be.lessThan(150);
    using file = await sandboxee.comms.recvFd();
    expect(file.kind).to.equal('character-device');
  });

  it('of requests for memory, of which an honest peer has 64 open at most, is a violation', async () => {
    await using sandboxee = await launchArmed();
    const request = Buffer.alloc(16);
    request.writeUInt32LE(1, 0);
    request.writeBigUInt64LE(2n ** 40n, 8);
    await Promise.allSettled([flood(sandboxee, frame(Tag.BufferRequest, request), [], 1_000_000)]);
    expect(await sandboxee.result).to.include({ status: 'violation', kind: 'protocol' });
  });
});

describe('a sandboxee that does not read', () => {
  leakGate();

  it('makes sends wait, and then fail, and never the broker', async () => {
    await using deaf = await launchPuppet();
    await using other = await launchPuppet();
    await begin(deaf, ({ attack }, poll: number) => attack.syscall(poll, 0, 0, -1), numberOf('poll'));

    const chunk = Buffer.alloc(64 * KiB);
    let accepted = 0;
    let waiting: Promise<unknown> | undefined;
    while (waiting === undefined) {
      let done = false;
      const sent = deaf.comms.sendBytes(chunk).then(
        () => {
          done = true;
        },
        (error: unknown) => error,
      );
      for (let turn = 0; turn < 5; turn += 1) await nextTurn();
      if (done) accepted += 1;
      else waiting = sent;
    }
    expect(accepted * chunk.length).to.be.lessThan(8 * MiB);

    const large = Buffer.alloc(8 * MiB);
    const outcomes = await Promise.race([
      Promise.all(Array.from({ length: 10 }, () => rejectionOf(deaf.comms.sendBytes(large)))),
      rejectionOf(deaf.comms.sendBytes(Buffer.alloc(16 * MiB))),
    ]);
    expect(outcomes).to.be.instanceOf(LimitExceeded);
    expect(await perform(other, () => 'served')).to.equal('served');
    deaf.kill();
    await deaf.result;
    expect(await waiting).to.be.instanceOf(PeerGone);
  });

  it('takes fds that are on their way to it with it', async () => {
    const deaf = await launchPuppet();
    await begin(deaf, ({ attack }, poll: number) => attack.syscall(poll, 0, 0, -1), numberOf('poll'));
    for (let count = 0; count < 20; count += 1) await deaf.comms.sendFd(Fd.open('/etc/passwd'));
    await deaf.close();
    expect(openFiles('self')).to.not.include('/etc/passwd');
  });

  it('cannot make the broker block by what it does to the flags of its own end', async () => {
    await using sandboxee = await launchArmed();
    const set = (flags: number) =>
      perform(
        sandboxee,
        ({ attack }, fcntl: number, value: number) => attack.syscall(fcntl, 3, 4, value),
        numberOf('fcntl'),
        flags,
      );
    for (const flags of [0, 0o4000, 0]) expect(await set(flags)).to.equal(0);
    const received = perform(sandboxee, async ({ gate }) => (await gate.comms.recvBytes()).length);
    await nextTurn();
    await sandboxee.comms.sendBytes(Buffer.alloc(4 * MiB));
    expect(await received).to.equal(4 * MiB);
  });
});
