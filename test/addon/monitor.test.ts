import { constants } from 'node:os';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, answers, deny, Target, Watch } from './monitor-target.js';
import { broker, eventually, SYS, turns } from './support.js';

const ENOENT = 2;
const EACCES = 13;
const ENOSYS = 38;
const { SIGKILL } = constants.signals;
const AT_FDCWD = -100n;

describe('monitor', () => {
  leakGate();

  let target: Target;
  let watch: Watch | undefined;

  async function start(numbers: number[], options: ConstructorParameters<typeof Watch>[1]): Promise<Watch> {
    target = await Target.start(numbers);
    watch = new Watch(target, options);
    return watch;
  }

  afterEach(async () => {
    watch?.monitor.stop();
    watch = undefined;
    await target.dispose();
  });

  it('answers a denial with its errno, and records the call with the path', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    const result = await target.call(SYS.openat, {
      path: '/etc/passwd',
      pathArgument: 1,
      args: [AT_FDCWD, 0n, 0x80000n, 0o644n, 5n, 0xffff_ffff_ffff_ffffn],
    });
    expect(result).to.equal(-ENOENT);
    await eventually(() => seen.denials.length === 1, 'the report');
    const [denial] = seen.denials;
    expect(denial).to.include({ arch: AUDIT_ARCH_X86_64, number: SYS.openat, tid: target.pid, errno: ENOENT });
    expect(denial?.args.slice(2)).to.deep.equal([0x80000n, 0o644n, 5n, 0xffff_ffff_ffff_ffffn]);
    expect(BigInt.asIntN(32, denial?.args[0] ?? 0n)).to.equal(AT_FDCWD);
    expect(denial?.instructionPointer).to.not.equal(0n);
    expect(denial?.paths).to.deep.equal([null, '/etc/passwd', null, null, null, null]);
    expect(target.alive).to.equal(true);
    expect(seen.take()).to.include({ ended: 'running', failure: null, violation: null, dropped: 0 });
  });

  it('answers a denial without a path', async () => {
    const seen = await start([SYS.getppid], { answers: answers({ [SYS.getppid]: deny(EACCES) }) });
    expect(await target.call(SYS.getppid)).to.equal(-EACCES);
    await eventually(() => seen.denials.length === 1, 'the report');
    expect(seen.denials[0]?.paths).to.deep.equal([null, null, null, null, null, null]);
  });

  for (const pathDenialIsViolation of [false, true]) {
    it(`answers harmless paths with no report (pathDenialIsViolation: ${pathDenialIsViolation})`, async () => {
      const seen = await start([SYS.openat], {
        answers: answers({ [SYS.openat]: deny(ENOENT, 1) }),
        pathDenialIsViolation,
        harmlessPaths: ['/etc/localtime', '/sys/devices/*'],
      });
      for (const path of ['/etc/localtime', '/sys/devices/', '/sys/devices/system/cpu/online']) {
        expect(await target.call(SYS.openat, { path, pathArgument: 1 })).to.equal(-ENOENT);
      }
      await turns(10);
      expect(seen.wakeUps).to.equal(0);
      expect(seen.take().denials).to.deep.equal([]);
    });
  }

  for (const path of ['/etc/localtime2', '/etc/localtim', '/sys/device', '', '/sys/devices']) {
    it(`makes a violation of the path "${path}", which is not quite a harmless one`, async () => {
      const seen = await start([SYS.openat], {
        answers: answers({ [SYS.openat]: deny(ENOENT, 1) }),
        pathDenialIsViolation: true,
        pathArguments: new Int8Array(500).fill(1),
        harmlessPaths: ['/etc/localtime', '/sys/devices/*'],
      });
      target.order(SYS.openat, { path, pathArgument: 1 });
      await eventually(() => seen.violation !== null, 'the violation');
      expect(seen.violation?.paths[1]).to.equal(path);
      expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    });
  }

  it('reports null for a path that cannot be read, and cuts one off that does not end', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    expect(await target.call(SYS.openat, { args: [0n, 8n] })).to.equal(-ENOENT);
    expect(await target.call(SYS.openat, { path: 'x'.repeat(4150), pathArgument: 1 })).to.equal(-ENOENT);
    await eventually(() => seen.denials.length === 2, 'the reports');
    expect(seen.denials.map(({ paths }) => paths[1])).to.deep.equal([null, 'x'.repeat(4096)]);
  });

  it('survives a path that is no text', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    await target.call(SYS.openat, { path: Buffer.from([0x2f, 0xff, 0xc0, 0x80, 0x1b, 0x5b]), pathArgument: 1 });
    await eventually(() => seen.denials.length === 1, 'the report');
    expect(seen.denials[0]?.paths[1]).to.match(/^\/\ufffd+.\[$/u);
  });

  it('kills on a violation, and reports it with all its arguments', async () => {
    const seen = await start([SYS.execve], {
      answers: answers({}),
      pathArguments: new Int8Array(500).fill(-1).fill(0, SYS.execve, SYS.execve + 1),
    });
    const args = [0n, 0x1122_3344_5566_7788n, 3n, 4n, 5n, 6n];
    target.order(SYS.execve, { path: '/bin/sh', pathArgument: 0, args });
    await eventually(() => seen.violation !== null, 'the violation');
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
    expect(seen.violation).to.include({ arch: AUDIT_ARCH_X86_64, number: SYS.execve, tid: target.pid });
    expect(seen.violation?.args.slice(1)).to.deep.equal(args.slice(1));
    expect(seen.violation?.paths[0]).to.equal('/bin/sh');
    expect(seen.take().violation).to.deep.equal(seen.violation);
  });

  it('takes 0, and numbers beyond the table, for violations', async () => {
    for (const [number, table] of [
      [SYS.getppid, answers({ [SYS.getppid]: 0 })],
      [SYS.openat, new Int32Array(100)],
    ] as const) {
      const seen = await start([number], { answers: table });
      target.order(number);
      await eventually(() => seen.violation !== null, 'the violation');
      seen.monitor.stop();
      await target.dispose();
    }
    target = await Target.start([]);
    broker.close(target.listener);
  });

  it('takes another architecture for a violation, whatever its number means here', async () => {
    const seen = await start([], { answers: answers({ 64: deny(ENOENT) }), pathArguments: new Int8Array(500) });
    target.order(64, { i386: true });
    await eventually(() => seen.violation !== null, 'the violation');
    expect(seen.violation).to.include({ arch: AUDIT_ARCH_I386, number: 64 });
    expect(seen.violation?.paths).to.deep.equal([null, null, null, null, null, null]);
    expect(await target.ended).to.include({ kind: 'signaled', signal: SIGKILL });
  });

  it('answers numbers above the table ENOSYS, without a report', async () => {
    const seen = await start([], { answers: answers({}), unknownAbove: 999 });
    for (const number of [1000, 5000, 0x40000000 + 39, 0x7fffffff]) {
      expect(await target.call(number), String(number)).to.equal(-ENOSYS);
    }
    await turns(10);
    expect(seen.wakeUps).to.equal(0);
    expect(target.alive).to.equal(true);
  });

  it('keeps a bounded number of records of a flood, counts the rest, and leaves the loop alone', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    target.order(SYS.openat, { path: '/flood', pathArgument: 1, repeat: 100_000 });
    let longest = 0;
    let last = performance.now();
    let over = false;
    const beat = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (!over) setImmediate(beat);
    };
    setImmediate(beat);
    expect(await target.result(60_000)).to.equal(-ENOENT);
    over = true;
    seen.take();
    expect(longest).to.be.below(1000);
    expect(Math.max(...seen.reports.map(({ denials }) => denials.length))).to.be.at.most(64);
    const total = seen.reports.reduce((sum, { denials, dropped }) => sum + denials.length + dropped, 0);
    expect(total).to.equal(100_000);
  }).timeout(90_000);

  it('wakes the loop once until its report is taken, and keeps the latest denials', async () => {
    const seen = await start([SYS.openat], { answers: answers({ [SYS.openat]: deny(ENOENT, 1) }) });
    seen.takes = false;
    for (let index = 0; index < 100; index++) await target.call(SYS.openat, { path: `/${index}`, pathArgument: 1 });
    await turns(10);
    expect(seen.wakeUps).to.equal(1);
    const report = seen.take();
    expect(report.dropped).to.equal(36);
    expect(report.denials.map(({ paths }) => paths[1])).to.deep.equal(
      Array.from({ length: 64 }, (_, index) => `/${index + 36}`),
    );
    expect(seen.take()).to.deep.include({ denials: [], dropped: 0 });
  });
});
