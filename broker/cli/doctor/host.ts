/** What can be said of the host by looking at it and at this process. */
import { closeSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import * as native from '../../../native/broker.js';
import { Seal } from '../../../native/shared.js';
import { errorCode } from '../../../protocols/error-code.js';
import { CONTROLLERS, type Controller } from '../../cgroup/controllers.js';
import { cgroupFindings } from '../../cgroup/places.js';
import { kernelFeatures } from '../../kernel.js';
import { leaseUid } from '../../lease.js';
import { type Check, check } from './check.js';

/** As docs/hosts.md has them. */
const LEAST_KERNEL = [5, 14] as const;

export function hostChecks(): readonly Check[] {
  return [node(), architecture(), libc(), kernel()];
}

export function processChecks(): readonly Check[] {
  return [memory(), terminal(), openFiles(), ...uids(), proc(), ...cgroups()];
}

export function kernelChecks(): readonly Check[] {
  const { landlockAbi, waitKillableRecv, tsyncEsrch, syncWakeUp, addFd, listenerError, closeRange, kcmp } =
    kernelFeatures();
  const newer = 'a newer kernel has it';
  return [
    check(
      'seccomp listener',
      'full',
      listenerError === '',
      listenerError === '' ? 'the broker answers and reports syscalls' : `seccomp(NEW_LISTENER): ${listenerError}`,
      listenerError === 'EBUSY'
        ? 'a filter around this process has a listener already, and there can be one only: run outside of that supervisor'
        : 'a container: allow the syscall seccomp; else a kernel with CONFIG_SECCOMP_FILTER',
    ),
    check('seccomp TSYNC with listener', 'full', tsyncEsrch, 'a filter comes into force in all threads at once', newer),
    check('seccomp ADDFD', 'better', addFd, 'files can be handed to who asked for them (5.14)', newer),
    check(
      'seccomp WAIT_KILLABLE_RECV',
      'better',
      waitKillableRecv,
      'signals do not restart answered syscalls (5.19)',
      newer,
    ),
    check('seccomp SYNC_WAKE_UP', 'better', syncWakeUp, 'answers come faster (6.6)', newer),
    check(
      'Landlock',
      'better',
      landlockAbi > 0,
      landlockAbi > 0 ? `ABI ${landlockAbi}` : 'a read-only fd can be reopened for writing, where permissions allow it',
      'boot with landlock in lsm=, on a kernel with CONFIG_SECURITY_LANDLOCK',
    ),
    check('close_range', 'full', closeRange, 'no fd of the host leaks in (5.9)', newer),
    check('kcmp', 'better', kcmp, 'threads that share their fds are looked at once', 'CONFIG_KCMP'),
  ];
}

function node(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isKnown = (major === 20 && minor >= 19) || major === 22 || major === 24 || major === 26;
  return check(
    'Node',
    'full',
    isKnown || major > 20,
    `${process.version} at ${process.execPath}`,
    'use 20.19, 22, 24 or 26',
  );
}

function architecture(): Check {
  return check('architecture', 'full', ['x64', 'arm64'].includes(arch()), arch(), 'x86-64 and arm64 are supported');
}

function libc(): Check {
  const report = process.report?.getReport();
  const header = typeof report === 'object' && 'header' in report ? report.header : {};
  const version =
    typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header ? header.glibcVersionRuntime : '';
  return check('C library', 'better', true, version === '' ? 'not glibc' : `glibc ${String(version)}`);
}

function kernel(): Check {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const isNewEnough = major > LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor >= LEAST_KERNEL[1]);
  return check('kernel', 'full', isNewEnough, release(), `Linux ${LEAST_KERNEL.join('.')} or newer`);
}

function memory(): Check {
  try {
    const fd = native.createMemory('sallyport-doctor', 4096, { executable: false });
    try {
      native.seal(fd, Seal.Shrink | Seal.Grow | Seal.Write);
    } finally {
      closeSync(fd);
    }
    return check('memfd and seals', 'full', true, 'shared memory that nobody can change the size of');
  } catch (error) {
    return check('memfd and seals', 'full', false, String(errorCode(error)), 'a kernel with CONFIG_MEMFD_CREATE');
  }
}

function terminal(): Check {
  const name = 'pseudoterminal';
  try {
    for (const fd of native.openTerminal(0)) closeSync(fd);
    return check(name, 'better', true, 'sallyport run has a terminal of its own for interactive programs');
  } catch (error) {
    return check(
      name,
      'better',
      false,
      `no interactive programs: ${String(errorCode(error))}`,
      'mount devpts on /dev/pts',
    );
  }
}

function openFiles(): Check {
  const soft = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity);
  const isEnough = soft > 256 + 253;
  return check(
    'RLIMIT_NOFILE',
    'full',
    isEnough,
    `${soft} open files`,
    'ulimit -n 4096: a sandboxee has 256, and can send 253',
  );
}

function uids(): readonly Check[] {
  if (process.geteuid?.() !== 0) return [];
  try {
    leaseUid()[Symbol.dispose]();
    return [check('uid leases', 'full', true, 'each sandboxee of root has a uid of its own')];
  } catch (error) {
    return [check('uid leases', 'full', false, String(error), 'root needs a writable /run')];
  }
}

function proc(): Check {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const isHidden = mounts.some(
    (fields) => fields[4] === '/proc' && /hidepid=(?:[124]|invisible|noaccess|ptraceable)/.test(fields.join(' ')),
  );
  const covered = mounts.filter((fields) => fields[4]?.startsWith('/proc/') === true).length;
  const problem = isHidden ? 'hidepid is set' : `${covered} of its parts are covered`;
  return check(
    '/proc',
    'better',
    !isHidden && covered === 0,
    isHidden || covered > 0
      ? `${problem}: sandboxees of an ordinary user may have no /proc`
      : 'sandboxees can have one of their own',
    'in a container: --security-opt systempaths=unconfined; else mount /proc without hidepid',
  );
}

/** By trying, as launches do. */
function cgroups(): readonly Check[] {
  const findings = cgroupFindings();
  return CONTROLLERS.map((controller) => {
    const finding = findings[controller];
    const name = `cgroup ${controller}`;
    if (finding.state === 'on')
      return check(name, 'better', true, `version ${finding.place.version}: ${HELD[controller]}`);
    const mend = 'systemd-run --user --scope -p Delegate=yes …; docs/hosts.md tells more';
    return check(name, 'better', false, `${finding.reason}: ${NOT_HELD[controller]}`, mend);
  });
}

const HELD: Readonly<Record<Controller, string>> = {
  memory: 'the kernel holds memory that is asked for',
  pids: 'the kernel counts processes',
  cpu: 'limits.cpus can be given',
};

const NOT_HELD: Readonly<Record<Controller, string>> = {
  memory: 'memory is looked at every 50 ms',
  pids: 'RLIMIT_NPROC and a look every 50 ms count processes',
  cpu: 'limits.cpus cannot be given',
};
