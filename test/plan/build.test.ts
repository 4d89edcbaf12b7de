import { expect } from 'chai';
import { buildPlan, type PlanInput } from '../../broker/plan/build.js';
import { PlanError } from '../../broker/plan/errors.js';
import { MOUNT_ATTRIBUTES, NAMESPACE_FLAGS } from '../../broker/plan/kernel-constants.js';
import type { Step } from '../../broker/plan/steps.js';

const input: PlanInput = {
  identity: { kind: 'root', uid: 5000, gid: 5001 },
  program: { path: '/bin/x', argv: ['x', '-y'], env: { A: '1', B: '' }, cwd: '/srv' },
  mounts: [
    { kind: 'mask', source: '/srv/app/.env', target: '/srv/app/.env' },
    { kind: 'directory', source: '/srv/app', target: '/srv/app' },
    { kind: 'file', source: '/bin/x', target: '/bin/x' },
    { kind: 'device', source: '/dev/null', target: '/dev/null' },
    { kind: 'symlink', source: 'bin', target: '/sbin' },
  ],
  tmpfs: [{ target: '/srv', size: 4096, inodes: 8 }],
  writableRoot: undefined,
  writeExecutable: false,
  network: 'none',
  hostname: 'sandboxee',
  rlimits: [{ resource: 'core', soft: 1, hard: Number.POSITIVE_INFINITY }],
  oomScoreAdj: 500,
  start: { mode: 'late', stage0: Uint8Array.of(1) },
  supervisor: Uint8Array.of(2),
  landlockAbi: 7,
  speculationControls: true,
  fds: { comms: 3, declared: [4, 5] },
  cgroups: 0,
  terminal: undefined,
};

function plan(changes: Partial<PlanInput> = {}): Step[] {
  return buildPlan({ ...input, ...changes });
}

function step<Op extends Step['op']>(op: Op, steps: readonly Step[] = plan()): Extract<Step, { op: Op }> {
  const found = steps.find((candidate): candidate is Extract<Step, { op: Op }> => candidate.op === op);
  return found ?? expect.fail(`no step ${op}`);
}

function names(steps: readonly Step[] = plan()): string[] {
  return steps.map(({ op }) => op);
}

describe('buildPlan', () => {
  it('joins control groups before anything else, by the fds that follow the declared ones', () => {
    const steps = plan({ cgroups: 2 });
    expect(steps[0]).to.deep.equal({ op: 'joinCgroups', fds: [8, 9] });
    expect(names(steps).slice(1)).to.deep.equal(names());
  });

  it('orders the steps for root, without a user namespace', () => {
    expect(names()).to.deep.equal([
      'keepFds',
      'oomScoreAdj',
      'unshare',
      'pidNamespace',
      'privatePropagation',
      'stagingRoot',
      'bind',
      'bind',
      'symlink',
      'tmpfs',
      'bind',
      'mask',
      'proc',
      'pivot',
      'hostname',
      'workingDirectory',
      'rlimit',
      'session',
      'capabilityBounds',
      'identity',
      'noCapabilities',
      'parentDeathSignal',
      'noNewPrivs',
      'landlock',
      'speculation',
      'notDumpable',
      'stage0',
      'run',
    ]);
    expect(step('unshare').flags & NAMESPACE_FLAGS.user).to.equal(0);
    expect(step('identity')).to.include({ uid: 5000, gid: 5001 });
  });

  it('maps an ordinary user to 1000 in a user namespace, where there are no other ids to change to', () => {
    const steps = plan({ identity: { kind: 'user', uid: 501, gid: 502 } });
    expect(names(steps)).not.to.include('identity');
    expect(names(steps).slice(2, 5)).to.deep.equal(['unshare', 'idMap', 'pidNamespace']);
    expect(step('unshare', steps).flags & NAMESPACE_FLAGS.user).not.to.equal(0);
    expect(step('idMap', steps)).to.include({ outerUid: 501, outerGid: 502, innerUid: 1000, innerGid: 1000 });
  });

  it('uses all six namespaces', () => {
    const { flags } = step('unshare', plan({ identity: { kind: 'user', uid: 1, gid: 1 } }));
    expect(flags >>> 0).to.equal(Object.values(NAMESPACE_FLAGS).reduce((sum, flag) => sum + flag, 0));
  });

  it('numbers the declared fds from 4, behind the comms socket', () => {
    expect(step('keepFds')).to.deep.equal({ op: 'keepFds', from: [0, 1, 2, 3, 6, 7], to: [0, 1, 2, 3, 4, 5] });
    expect(step('keepFds', plan({ fds: { comms: 3, declared: [] } })).to).to.deep.equal([0, 1, 2, 3]);
    expect(() => plan({ fds: { comms: 3, declared: Array.from({ length: 257 }, (_, index) => index + 4) } })).to.throw(
      PlanError,
      '257 fds are declared, where 256 are the most',
    );
  });

  it('mounts a folder before what is in it, and masks last', () => {
    const targets = plan().flatMap((planned) =>
      'target' in planned ? [planned.target] : 'link' in planned ? [planned.link] : [],
    );
    expect(targets).to.deep.equal(['/bin/x', '/dev/null', '/sbin', '/srv', '/srv/app', '/srv/app/.env', '/proc']);
  });

  it('binds read-only, nosuid and nodev, a device noexec in place of nodev', () => {
    const binds = plan().filter((planned) => planned.op === 'bind');
    const { readOnly, noSuid, noDev, noExec } = MOUNT_ATTRIBUTES;
    expect(binds.map(({ target, attributes }) => [target, attributes])).to.deep.equal([
      ['/bin/x', readOnly | noSuid | noDev],
      ['/dev/null', readOnly | noSuid | noExec],
      ['/srv/app', readOnly | noSuid | noDev],
    ]);
  });

  it('gives the root room for all targets', () => {
    const mounts = Array.from({ length: 500 }, (_, index) => ({
      kind: 'file' as const,
      source: '/bin/x',
      target: `/a/b/c/${index}`,
    }));
    expect(Number(step('stagingRoot', plan({ mounts })).rootInodes)).to.be.greaterThan(503);
  });

  it('passes the environment as NAME=value', () => {
    expect(step('run')).to.deep.include({ arguments: ['x', '-y'], environment: ['A=1', 'B='] });
  });

  it('writes Infinity as no limit, and refuses what is no limit', () => {
    expect(step('rlimit')).to.deep.equal({ op: 'rlimit', resource: 4, soft: 1n, hard: 0xffff_ffff_ffff_ffffn });
    for (const soft of [-1, 1.5, Number.NaN]) {
      expect(() => plan({ rlimits: [{ resource: 'cpu', soft, hard: 1 }] })).to.throw(PlanError, `${soft} is no limit`);
    }
  });

  it('leaves speculation alone when told so', () => {
    expect(names(plan({ speculationControls: false }))).not.to.include('speculation');
  });

  it('refuses a name that is none for a host', () => {
    for (const hostname of ['', '-a', 'a b', 'a'.repeat(65), 'ä'])
      expect(() => plan({ hostname })).to.throw(PlanError, 'no name for a host');
    expect(() => plan({ hostname: 'a'.repeat(64) })).not.to.throw();
  });
});

describe('the Landlock step', () => {
  const RIGHTS_BY_ABI = [
    [1, 0x1fff],
    [2, 0x3fff],
    [3, 0x7fff],
    [4, 0x7fff],
    [5, 0xffff],
    [6, 0xffff],
    [9, 0xffff],
  ] as const;

  for (const [abi, rights] of RIGHTS_BY_ABI) {
    it(`handles all that ABI ${abi} knows`, () => {
      const { fs, net, scoped } = step('landlock', plan({ landlockAbi: abi }));
      expect([Number(fs), Number(net), Number(scoped)]).to.deep.equal([rights, abi >= 4 ? 3 : 0, abi >= 6 ? 3 : 0]);
    });

    it(`grants nothing that ABI ${abi} does not handle`, () => {
      const { fs, rights: granted } = step('landlock', plan({ landlockAbi: abi }));
      for (const right of granted) expect(right & ~fs).to.equal(0n);
    });
  }

  it('is left out where the kernel has none', () => {
    expect(names(plan({ landlockAbi: 0 }))).not.to.include('landlock');
  });

  it('lets everything be read, and only /dev/null and each tmpfs be written', () => {
    const { paths, rights } = step('landlock');
    const writes = 1n << 1n;
    expect(paths).to.deep.equal(['/', '/srv', '/dev/null']);
    expect(rights.map((right) => (right & writes) !== 0n)).to.deep.equal([false, true, true]);
    expect(step('landlock', plan({ mounts: [] })).paths).not.to.include('/dev/null');
  });
});
