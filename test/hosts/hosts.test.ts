import { expect } from 'chai';
import { describeLayer } from '../../broker/index.js';
import { probe } from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { layerOf, onHost, type Reported } from './report.js';

const isRoot = process.geteuid?.() === 0;
const abi = probe().landlockAbi;

function rootOnly(test: Mocha.Context, why: string): void {
  if (isRoot) return;
  console.log(`      root only: ${why}`);
  test.skip();
}

function expectLaunched(report: Reported): void {
  expect(report, JSON.stringify(report)).to.include({ status: 'launched' });
  expect(report.leaks).to.deep.equal([]);
}

function expectFull(report: Reported): void {
  expectLaunched(report);
  expect(layerOf(report, 'mount-namespace').state).to.equal('on');
}

function expectBase(report: Reported): void {
  expectLaunched(report);
  expect(layerOf(report, 'mount-namespace').state).to.equal('off');
  expect(layerOf(report, 'process-tree').state).to.equal('on');
}

describe('a host that refuses nothing', () => {
  leakGate();

  it('has the tier full where that or any is demanded, and base where base is', async () => {
    expectFull(await onHost([], { tier: 'full' }));
    expectFull(await onHost([], { tier: 'at-least-base' }));
    expectBase(await onHost([], { tier: 'base' }));
  });
});

describe('a host that refuses namespaces', () => {
  leakGate();

  it('fails the tier full with the step, the errno and the mend', async () => {
    const report = await onHost(['no-namespaces'], { tier: 'full' });
    expect(report).to.include({ status: 'setup-error', step: 'launcher:unshare', errno: 'EPERM' });
    if (report.status === 'setup-error') expect(report.hint).to.match(/AppArmor.*container.*at-least-base/);
    expect(report.leaks).to.deep.equal([]);
  });

  it('has the tier base where that is enough, and says what it refuses', async () => {
    const report = await onHost(['no-namespaces'], { tier: 'at-least-base' });
    expectBase(report);
    expect(describeLayer(layerOf(report, 'mount-namespace'))).to.match(/launcher:unshare.*EPERM.*AppArmor/s);
  });

  it('keeps a program of the tier base from everything else on it', async () => {
    expectLaunched(await onHost(['no-namespaces'], { what: 'beyond', tier: 'at-least-base' }));
  });
});

describe('a host without Landlock', () => {
  leakGate();

  it('has the tier full, with a layer that is off', async () => {
    const report = await onHost(['no-landlock'], { tier: 'full' });
    expectFull(report);
    expect(layerOf(report, 'landlock').state).to.equal('off');
  });

  it('has the tier base for a policy that lets no path be resolved', async () => {
    const report = await onHost(['no-landlock', 'no-namespaces'], { tier: 'at-least-base' });
    expectBase(report);
    expect(layerOf(report, 'landlock').state).to.equal('off');
  });

  it('refuses any other policy in base, by the name of the syscall', async () => {
    const report = await onHost(['no-landlock', 'no-namespaces'], { what: 'paths', tier: 'at-least-base' });
    expect(report).to.include({ status: 'option', option: 'launch().policy' });
    if (report.status === 'option') expect(report.message).to.match(/no Landlock either.*openat/);
    expect(report.leaks).to.deep.equal([]);
  });
});

describe('a host with an older Landlock', () => {
  leakGate();

  for (const older of [1, 2, 3, 4, 5, 6].filter((each) => each < abi)) {
    it(`of ABI ${older} has the tier base, and what that lacks is withheld by the filter`, async () => {
      const report = await onHost([], { tier: 'base', landlockAbi: older });
      expectBase(report);
      expect(describeLayer(layerOf(report, 'landlock'))).to.contain(`ABI ${older}`);
      expectLaunched(await onHost([], { what: 'beyond', tier: 'base', landlockAbi: older }));
    });
  }
});

describe('a host that gives root no CAP_SYS_PTRACE', () => {
  leakGate();

  it('fails the tier full before anything is started, with the mend', async function () {
    rootOnly(this, "an ordinary user's sandboxees are its own to look at");
    const report = await onHost(['no-ptrace'], { tier: 'full' });
    expect(report).to.include({ status: 'option', option: 'launch().tier' });
    if (report.status === 'option') expect(report.message).to.match(/--cap-add SYS_PTRACE/);
    expect(report.leaks).to.deep.equal([]);
  });

  it('has less where that is accepted, and says what was not verified', async function () {
    rootOnly(this, "an ordinary user's sandboxees are its own to look at");
    for (const report of [
      await onHost(['no-ptrace'], { tier: 'at-least-base' }),
      await onHost(['no-ptrace', 'no-namespaces'], { tier: 'at-least-base' }),
    ]) {
      expectLaunched(report);
      expect(describeLayer(layerOf(report, 'verification'))).to.match(/off .*CAP_SYS_PTRACE/);
    }
  });
});

describe('a container such as Docker makes by default', () => {
  leakGate();

  it('has the tier base, and what it lacks is said', async function () {
    rootOnly(this, 'an ordinary user cannot cover /proc');
    const report = await onHost(['masked-proc', 'no-ptrace', 'no-namespaces'], { tier: 'at-least-base' });
    expectBase(report);
    expect(layerOf(report, 'verification').state).to.equal('off');
    expectLaunched(
      await onHost(['masked-proc', 'no-ptrace', 'no-namespaces'], { what: 'beyond', tier: 'at-least-base' }),
    );
  });
});

describe('a host whose /proc is partly covered', () => {
  leakGate();

  it('has both tiers', async function () {
    rootOnly(this, 'it takes a mount');
    expectFull(await onHost(['masked-proc'], { tier: 'full' }));
    expectBase(await onHost(['masked-proc', 'no-namespaces'], { tier: 'at-least-base' }));
  });
});

describe('a host whose supervisor holds a seccomp listener', () => {
  leakGate();

  for (const tier of ['full', 'base'] as const) {
    it(`fails the tier ${tier} with the errno and the mend`, async () => {
      const report = await onHost(['listener'], { tier });
      expect(report, JSON.stringify(report)).to.include({ status: 'setup-error', step: 'gate:filter', errno: 'EBUSY' });
      if (report.status === 'setup-error') expect(report.hint).to.match(/another supervisor .* outside of it/);
      expect(report.leaks).to.deep.equal([]);
    });
  }

  it('fails a program that is filtered before it begins as well', async () => {
    const report = await onHost(['listener'], { what: 'beyond', tier: 'base' });
    expect(report, JSON.stringify(report)).to.include({
      status: 'setup-error',
      step: 'launcher:runFiltered',
      errno: 'EBUSY',
    });
  });
});

describe('a host with a limit of 64 open files', () => {
  leakGate();

  for (const tier of ['full', 'base'] as const) {
    it(`fails the tier ${tier} before anything is started, with the mend`, async () => {
      const report = await onHost([], { tier, openFiles: 64 });
      expect(report, JSON.stringify(report)).to.include({ status: 'option', option: 'limits.openFiles' });
      if (report.status === 'option') expect(report.message).to.match(/ulimit -n/);
      expect(report.leaks).to.deep.equal([]);
    });
  }
});
