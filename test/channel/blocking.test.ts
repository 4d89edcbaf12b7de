import { readlinkSync } from 'node:fs';
import { expect } from 'chai';
import { Fd } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';

describe('the blocking forms of a sandboxee', () => {
  leakGate();

  it('receive and send every kind of value through the real gate', async () => {
    await using sandboxee = await launchPuppet();
    const { comms } = sandboxee;
    await begin(sandboxee, ({ gate }) => {
      const inside = gate.comms;
      inside.sendInt8Sync(inside.recvInt8Sync());
      inside.sendUint64Sync(inside.recvUint64Sync());
      inside.sendBoolSync(inside.recvBoolSync());
      inside.sendStringSync(inside.recvStringSync());
      inside.sendBytesSync(inside.recvBytesSync());
      inside.sendValueSync(inside.recvValueSync());
      inside.sendFdSync(inside.recvFdSync());
      inside.sendBufferSync(inside.recvBufferSync());
      const own = inside.requestBufferSync(4096);
      inside.sendStringSync(own.mode);
      own.close();
    });
    await comms.sendInt8(-5);
    expect(await comms.recvInt8()).to.equal(-5);
    await comms.sendUint64(2n ** 64n - 1n);
    expect(await comms.recvUint64()).to.equal(2n ** 64n - 1n);
    await comms.sendBool(true);
    expect(await comms.recvBool()).to.equal(true);
    await comms.sendString('naïve €');
    expect(await comms.recvString()).to.equal('naïve €');
    await comms.sendBytes(Buffer.alloc(2_000_000, 7));
    expect((await comms.recvBytes()).equals(Buffer.alloc(2_000_000, 7))).to.equal(true);
    await comms.sendValue({ list: [1, 'two', null] });
    expect(await comms.recvValue()).to.deep.equal({ list: [1, 'two', null] });
    await comms.sendFd(Fd.open('/etc/passwd'));
    using file = await comms.recvFd({ kind: 'file' });
    expect(file.access).to.equal('read');
    await comms.sendBuffer(sandboxee.createBuffer(10, 'writable'));
    using buffer = await comms.recvBuffer();
    expect(buffer.size).to.equal(10);
    expect(await comms.recvString()).to.equal('writable');
  });

  it('give up at their timeout, and the next one gets what comes', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, ({ gate: { comms } }) => {
      try {
        comms.recvStringSync({ timeout: 30 });
      } catch (error) {
        comms.sendStringSync((error as { code: string }).code);
      }
      return comms.recvStringSync();
    });
    expect(await sandboxee.comms.recvString()).to.equal('ERR_SALLYPORT_TIMEOUT');
    await sandboxee.comms.sendString('late');
    expect(await sandboxee.comms.recvValue()).to.deep.equal({ value: 'late' });
  });

  it('are not there in the broker, which never blocks', async () => {
    await using sandboxee = await launchPuppet();
    expect(
      Object.keys(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(sandboxee.comms))).filter((name) =>
        name.endsWith('Sync'),
      ),
    ).to.deep.equal([]);
  });

  it('that wait are no hindrance to kill()', async () => {
    const sandboxee = await launchPuppet();
    await begin(sandboxee, ({ gate }) => gate.comms.recvStringSync());
    expect((await sandboxee.close()).status).to.equal('killed');
  });
});

describe('gate.close()', () => {
  leakGate();

  it('ends the channel, and leaves the socket at its number', async () => {
    await using sandboxee = await launchPuppet();
    const socket = () => readlinkSync(`/proc/${sandboxee.pid}/fd/3`);
    const before = socket();
    expect(before).to.match(/^socket:/);
    await begin(sandboxee, async ({ gate }) => {
      gate.close();
      gate.close();
      await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
    });
    expect((await sandboxee.comms.closed).code).to.equal('ERR_SALLYPORT_PEER_GONE');
    expect(socket()).to.equal(before);
    expect((await sandboxee.close()).status).to.equal('killed');
  });

  it('lets what was sent before it arrive', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, ({ gate }) => {
      void gate.comms.sendString('farewell');
      gate.close();
    });
    expect(await sandboxee.comms.recvString()).to.equal('farewell');
  });

  it('is refused by force: close(3) is a violation', async () => {
    await using sandboxee = await launchPuppet();
    await perform(sandboxee, ({ modules: { fs } }) => fs.closeSync(3)).catch(() => {});
    expect(await sandboxee.result).to.include({ status: 'violation', kind: 'syscall' });
  });
});
