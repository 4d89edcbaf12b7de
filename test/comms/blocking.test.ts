import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { binding } from '../../native/broker.js';
import { binding as sandboxeeBinding } from '../../native/sandboxee.js';
import { BlockingComms } from '../../protocols/blocking-comms.js';
import { BufferPool } from '../../protocols/buffer-pool.js';
import { Comms } from '../../protocols/comms.js';
import { BlockingEndpointTransport, EndpointTransport } from '../../protocols/endpoint-transport.js';
import { ClosedError, PeerGone, TagMismatch, TimeoutError } from '../../protocols/errors.js';
import { Fd } from '../../protocols/fd.js';
import { MappedBuffers } from '../../protocols/mapped-buffer.js';
import { memoryPair } from '../../protocols/memory-transport.js';
import { leakGate } from '../support/leak-gate.js';
import { brokerMemory, codeOf, settle, thrown } from './support.js';

interface Ends {
  broker: Comms;
  sandboxee: BlockingComms;
  pool: BufferPool;
}

function connect(kind: 'memory' | 'socket'): Ends {
  const pool = new BufferPool(brokerMemory);
  const buffers = new MappedBuffers();
  if (kind === 'memory') {
    const [a, b] = memoryPair({ closeFd: closeSync });
    return {
      pool,
      broker: new Comms(a, { role: 'broker', buffers: pool }).start(),
      sandboxee: new BlockingComms(b, { role: 'sandboxee', buffers }),
    };
  }
  const [a, b] = binding.socketpair();
  const transport = new BlockingEndpointTransport(b, { binding: sandboxeeBinding });
  return {
    pool,
    broker: new Comms(new EndpointTransport(a), { role: 'broker', buffers: pool }).start(),
    sandboxee: new BlockingComms(transport, { role: 'sandboxee', buffers }),
  };
}

const text = {
  encode: (message: string) => ({ finish: () => Buffer.from(message) }),
  decode: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
};

for (const [name, kind] of [
  ['in memory', 'memory'],
  ['over a socketpair', 'socket'],
] as const) {
  describe(`blocking forms, ${name}`, () => {
    leakGate();
    let broker: Comms;
    let sandboxee: BlockingComms;

    beforeEach(() => {
      ({ broker, sandboxee } = connect(kind));
    });

    afterEach(() => {
      broker.close();
      sandboxee.close();
    });

    it('receive every type, in order', () => {
      void broker.sendInt8(-128);
      void broker.sendUint8(255);
      void broker.sendInt16(-32768);
      void broker.sendUint16(65535);
      void broker.sendInt32(-2147483648);
      void broker.sendUint32(4294967295);
      void broker.sendInt64(-(2n ** 63n));
      void broker.sendUint64(2n ** 64n - 1n);
      void broker.sendBool(true);
      void broker.sendString('text');
      void broker.sendBytes(Buffer.from('bytes'));
      void broker.sendValue({ a: [1] });
      void broker.sendProto(text, 'message');
      void broker.sendTlv(7, Buffer.from('tlv'));
      void broker.sendFd(Fd.open('/proc/self/status'));
      void broker.sendBuffer(broker.createBuffer(1000));
      broker.flush();
      expect(sandboxee.recvInt8Sync()).to.equal(-128);
      expect(sandboxee.recvUint8Sync()).to.equal(255);
      expect(sandboxee.recvInt16Sync()).to.equal(-32768);
      expect(sandboxee.recvUint16Sync()).to.equal(65535);
      expect(sandboxee.recvInt32Sync()).to.equal(-2147483648);
      expect(sandboxee.recvUint32Sync()).to.equal(4294967295);
      expect(sandboxee.recvInt64Sync()).to.equal(-(2n ** 63n));
      expect(sandboxee.recvUint64Sync()).to.equal(2n ** 64n - 1n);
      expect(sandboxee.recvBoolSync()).to.equal(true);
      expect(sandboxee.recvStringSync()).to.equal('text');
      expect(sandboxee.recvBytesSync().toString()).to.equal('bytes');
      expect(sandboxee.recvValueSync()).to.deep.equal({ a: [1] });
      expect(sandboxee.recvProtoSync(text)).to.equal('message');
      expect(sandboxee.recvTlvSync()).to.deep.equal({ tag: 7, bytes: Buffer.from('tlv') });
      sandboxee.recvFdSync().close();
      sandboxee.recvBufferSync().close();
    });

    it('send every type, in order', async () => {
      sandboxee.sendInt8Sync(127);
      sandboxee.sendUint8Sync(1);
      sandboxee.sendInt16Sync(2);
      sandboxee.sendUint16Sync(3);
      sandboxee.sendInt32Sync(4);
      sandboxee.sendUint32Sync(5);
      sandboxee.sendInt64Sync(6n);
      sandboxee.sendUint64Sync(7n);
      sandboxee.sendBoolSync(false);
      sandboxee.sendStringSync('text');
      sandboxee.sendBytesSync(Buffer.from('bytes'));
      sandboxee.sendValueSync([null]);
      sandboxee.sendProtoSync(text, 'message');
      sandboxee.sendTlvSync(8, Buffer.from('tlv'));
      sandboxee.sendFdSync(Fd.open('/proc/self/status'));
      expect(await broker.recvInt8()).to.equal(127);
      expect(await broker.recvUint8()).to.equal(1);
      expect(await broker.recvInt16()).to.equal(2);
      expect(await broker.recvUint16()).to.equal(3);
      expect(await broker.recvInt32()).to.equal(4);
      expect(await broker.recvUint32()).to.equal(5);
      expect(await broker.recvInt64()).to.equal(6n);
      expect(await broker.recvUint64()).to.equal(7n);
      expect(await broker.recvBool()).to.equal(false);
      expect(await broker.recvString()).to.equal('text');
      expect((await broker.recvBytes()).toString()).to.equal('bytes');
      expect(await broker.recvValue()).to.deep.equal([null]);
      expect(await broker.recvProto(text)).to.equal('message');
      expect(await broker.recvTlv()).to.deep.equal({ tag: 8, bytes: Buffer.from('tlv') });
      (await broker.recvFd()).close();
    });

    it('throw what the promises reject with, and stay in step', () => {
      void broker.sendString('text');
      void broker.sendBool(true);
      broker.flush();
      expect(thrown(() => sandboxee.recvInt32Sync())).to.be.instanceOf(TagMismatch);
      expect(sandboxee.recvBoolSync()).to.equal(true);
      expect(codeOf(thrown(() => sandboxee.sendInt8Sync(128)))).to.equal('ERR_SALLYPORT_INVALID_ARGUMENT');
    });

    it('give up at their timeout', () => {
      expect(thrown(() => sandboxee.recvInt32Sync({ timeout: 20 }))).to.be.instanceOf(TimeoutError);
      void broker.sendInt32(1);
      broker.flush();
      expect(sandboxee.recvInt32Sync({ timeout: 1000 })).to.equal(1);
    });

    it('come after the receives that wait already', async () => {
      const first = sandboxee.recvInt32();
      void broker.sendInt32(1);
      void broker.sendInt32(2);
      broker.flush();
      expect(sandboxee.recvInt32Sync()).to.equal(2);
      expect(await first).to.equal(1);
    });

    it('send what was sent before, and not yet flushed, first', async () => {
      void sandboxee.sendInt32(1);
      sandboxee.sendInt32Sync(2);
      expect([await broker.recvInt32(), await broker.recvInt32()]).to.deep.equal([1, 2]);
    });

    it('throw PeerGone once what had arrived was received', async () => {
      void broker.sendInt32(1);
      broker.close();
      await settle();
      expect(sandboxee.recvInt32Sync()).to.equal(1);
      expect(thrown(() => sandboxee.recvInt32Sync())).to.be.instanceOf(PeerGone);
      expect(thrown(() => sandboxee.sendInt32Sync(1))).to.be.instanceOf(PeerGone);
    });

    it('may be mixed with promises on the same channel', async () => {
      sandboxee.start();
      const doubled = sandboxee.recvInt32().then((value) => {
        sandboxee.sendInt32Sync(value * 2);
        return sandboxee.recvStringSync();
      });
      void broker.sendInt32(21);
      void broker.sendString('and on');
      expect(await broker.recvInt32()).to.equal(42);
      expect(await doubled).to.equal('and on');
    });
  });
}

describe('blocking on the side of the broker', () => {
  it('is not possible', () => {
    const [a, b] = binding.socketpair();
    const comms = new BlockingComms(new EndpointTransport(a), { role: 'broker' });
    expect(thrown(() => comms.recvInt32Sync())).to.be.instanceOf(ClosedError);
    expect(thrown(() => comms.sendInt32Sync(1))).to.be.instanceOf(ClosedError);
    comms.close();
    closeSync(b);
  });
});

describe('a process that only blocks', () => {
  leakGate();

  it('serves its broker, asks it for memory, and ends when it hangs up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-blocking-'));
    writeFileSync(join(folder, 'file'), 'read inside');
    const [ours, theirs] = binding.socketpair();
    const script = fileURLToPath(new URL('./fixtures/blocking-sandboxee.js', import.meta.url));
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit', theirs] });
    closeSync(theirs);
    const exited = once(child, 'exit');
    const pool = new BufferPool(brokerMemory);
    const comms = new Comms(new EndpointTransport(ours), { role: 'broker', buffers: pool }).start();

    void comms.sendString('int32');
    void comms.sendInt32(7);
    expect(await comms.recvInt32()).to.equal(7);

    const large = Buffer.alloc(3 * 1024 * 1024, 0xc3);
    void comms.sendString('bytes');
    void comms.sendBytes(large);
    expect((await comms.recvBytes()).equals(large)).to.equal(true);

    void comms.sendString('value');
    void comms.sendValue({ nested: ['x', 1n] });
    expect(await comms.recvValue()).to.deep.equal({ nested: ['x', 1n] });

    void comms.sendString('buffer');
    void comms.sendUint32(200_000);
    const buffer = await comms.recvBuffer();
    expect(buffer.copyOut().every((byte) => byte === 0x5a)).to.equal(true);
    buffer.close();

    void comms.sendString('fd');
    void comms.sendFd(Fd.open(join(folder, 'file')));
    expect(await comms.recvString()).to.equal('read inside');

    comms.close();
    expect(await exited).to.deep.equal([0, null]);
    rmSync(folder, { recursive: true });
  });
});
