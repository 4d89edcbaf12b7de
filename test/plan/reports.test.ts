import { expect } from 'chai';
import { decodeExited, decodeFailed } from '../../broker/plan/reports.js';

function failed(index: number, op: number, errno: number, detail: string): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt32LE(index, 0);
  fixed.writeUInt32LE(op, 4);
  fixed.writeInt32LE(errno, 8);
  return Buffer.concat([fixed, Buffer.from(detail)]);
}

describe('decodeFailed', () => {
  it('names the step, the errno, what it was about, and what to do', () => {
    const failure = decodeFailed(failed(3, 3, 1, 'make namespaces'));
    expect(failure).to.include({ index: 3, step: 'unshare', errno: 1, errnoName: 'EPERM', detail: 'make namespaces' });
    expect(failure.hint).to.include('kernel.apparmor_restrict_unprivileged_userns');
  });

  it('tells a failure before the first step', () => {
    expect(decodeFailed(failed(0xffff_ffff, 0, 22, ''))).to.include({
      index: undefined,
      step: 'start',
      errnoName: 'EINVAL',
      hint: '',
    });
  });

  it('does not stumble over a step or an errno that it does not know', () => {
    expect(decodeFailed(failed(0, 9999, 4000, ''))).to.include({ step: 'unknown step 9999', errnoName: 'errno 4000' });
    expect(decodeFailed(failed(0, 1, -5, ''))).to.include({ errnoName: 'errno -5' });
  });

  it('refuses a frame of a wrong size', () => {
    expect(() => decodeFailed(Buffer.alloc(11))).to.throw('a Failed frame of 11 bytes');
    expect(() => decodeFailed(Buffer.alloc(1 << 20))).to.throw('a Failed frame of 1048576 bytes');
  });
});

describe('decodeExited', () => {
  function exited(status: number): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(status);
    return bytes;
  }

  it('tells an exit code from a signal', () => {
    expect(decodeExited(exited(0))).to.deep.equal({ kind: 'exited', code: 0 });
    expect(decodeExited(exited(255 << 8))).to.deep.equal({ kind: 'exited', code: 255 });
    expect(decodeExited(exited(9))).to.deep.equal({ kind: 'signaled', signal: 9, core: false });
    expect(decodeExited(exited(11 | 0x80))).to.deep.equal({ kind: 'signaled', signal: 11, core: true });
  });

  it('refuses a frame of a wrong size', () => {
    expect(() => decodeExited(Buffer.alloc(3))).to.throw('an Exited frame of 3 bytes');
  });
});
