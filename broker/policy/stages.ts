/** The two filters that are no policy: the one before the gate, and the one of the launcher itself. */
import { compile, NO_SUCH_SYSCALL } from './bpf/compiler.js';
import { allow, killProcess, violation } from './bpf/dsl.js';
import type { Expression } from './bpf/nodes.js';
import { refusing } from './refused.js';
import { type Architecture, type SyscallName, syscallTable } from './syscalls/index.js';
import { LEAVING_THE_GROUP } from './unmediated.js';

/**
 * From before the program starts, on the program: all is allowed but what `refused.ts` refuses from stage 0 on.
 *
 * There is no listener yet, and the kernel answers a notification without one by ENOSYS. After the gate the late filter
 * says the same of each of them, and of two filters that notify the newer one's listener is told; killing here would
 * take precedence and leave nothing to report. So it is for other architectures and x32 too.
 */
export const stage0Program = once((arch) => stage0(arch, []));

/** The same where nothing may leave its process group. */
export const stage0InOneGroup = once((arch) => stage0(arch, LEAVING_THE_GROUP));

function stage0(arch: Architecture, withheld: readonly SyscallName[]): Uint8Array {
  const table = syscallTable(arch);
  const rules = new Map<number, Expression>();
  for (const name of table.names()) {
    const decision = withheld.includes(name) ? violation() : refusing('stage 0', name, allow());
    rules.set(table.number(name) ?? table.highest, decision ?? allow());
  }
  return compile({
    architecture: arch,
    highest: table.highest,
    rules,
    unlisted: allow(),
    // A kernel newer than this table may have a syscall that undoes any of the refusals.
    unknown: NO_SUCH_SYSCALL,
    foreign: violation(),
  });
}

/** What pid 1 does once the program is there: it waits, reaps, tells the broker by the life socket, kills and exits. */
const SUPERVISE: readonly SyscallName[] = [
  'poll',
  'ppoll',
  'read',
  'write',
  'recvmsg',
  'sendmsg',
  'sendto',
  'wait4',
  'waitid',
  'kill',
  'close',
  'rt_sigreturn',
  'restart_syscall',
  'futex',
  'exit',
  'exit_group',
];

/** For the launcher itself, in the loop in which it supervises. A sandboxee that took it over would gain nothing. */
export const launcherProgram = once((arch) => {
  const table = syscallTable(arch);
  const rules = new Map<number, Expression>();
  for (const name of SUPERVISE) {
    const number = table.number(name);
    if (number !== undefined) rules.set(number, allow());
  }
  return compile({
    architecture: arch,
    highest: table.highest,
    rules,
    unlisted: killProcess(),
    unknown: killProcess(),
    foreign: killProcess(),
  });
});

/** Every launch uses both, and they never differ. Whoever gets the bytes leaves them as they are. */
function once(make: (arch: Architecture) => Uint8Array): (arch: Architecture) => Uint8Array {
  const made = new Map<Architecture, Uint8Array>();
  return (arch) => {
    const program = made.get(arch) ?? make(arch);
    made.set(arch, program);
    return program;
  };
}
