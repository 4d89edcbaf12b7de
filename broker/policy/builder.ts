import { anchorPathAbsolute } from './anchor.js';
import type { DefaultAction, Draft, PathDenial } from './definition.js';
import { EMPTY_DRAFT, resolve } from './draft.js';
import type { ErrnoName } from './errno-names.js';
import type { FileStatement } from './file-statements.js';
import { FileWords } from './file-words.js';
import { problemOfPath } from './path-settings.js';
import { Policy } from './policy.js';
import { type CpuFences, callOf, type FutexOperation, type RuleSource, type Statement } from './statements.js';
import type { SyscallName } from './syscalls/index.js';
import { DEFAULT_TOKENS, type ExecutableMemory } from './tokens.js';
import type { PlainWord } from './words.js';

/**
 * Says which syscalls a sandboxee may make. What it does not mention is a violation, and what no policy may allow
 * (`refused.ts`) stays refused.
 *
 *     const policy = policies.node().allowPipe().blockSyscallWithErrno('uname', 'EPERM').build();
 *
 * Immutable: every call returns a new builder. The words are Sandbox2's, and each says which syscalls it allows. Where
 * several rules concern one syscall, they are asked in the order of the calls, before those of the preset, and the first
 * that decides counts. A syscall that the architecture does not have is passed over. Mistakes gather, and `build()`
 * throws one `PolicyError` that lists them all.
 */
export class PolicyBuilder extends FileWords<PolicyBuilder> {
  readonly #draft: Draft;

  /** @internal */
  constructor(draft: Partial<Draft> = {}) {
    super();
    this.#draft = { ...EMPTY_DRAFT, ...draft };
  }

  /** The name that errors and reports use. */
  named(name: string): PolicyBuilder {
    return this.#with({ name });
  }

  /** Throws `PolicyError`. */
  build(): Policy {
    return Policy.of(resolve(this.#draft));
  }

  // Rules as they are

  /** Whatever the arguments; `mmap`, `mprotect`, `pkey_mprotect` and `shmat` not of executable memory. */
  allowSyscall(syscall: SyscallName): PolicyBuilder {
    return this.#say({ call: 'allowSyscall', syscall });
  }

  allowSyscalls(...syscalls: readonly SyscallName[]): PolicyBuilder {
    return this.#say({ call: 'allowSyscalls', syscalls });
  }

  /** The kernel answers with the errno, and nothing is reported. The one thing that can be said of a refused syscall. */
  blockSyscallWithErrno(syscall: SyscallName, error: ErrnoName): PolicyBuilder {
    return this.#say({ call: 'blockSyscallWithErrno', syscall, errno: error });
  }

  blockSyscallsWithErrno(syscalls: readonly SyscallName[], error: ErrnoName): PolicyBuilder {
    return this.#say({ call: 'blockSyscallsWithErrno', syscalls: [...syscalls], errno: error });
  }

  /**
   * Leaves the syscall to the hook `trace` of `launch()`, without which nothing is started: it sees the number and the
   * arguments, and says `allow`, `deny` (a violation) or an errno. Not executable memory, which takes a rule with its token.
   */
  traceSyscall(syscall: SyscallName): PolicyBuilder {
    return this.#say({ call: 'traceSyscall', syscall });
  }

  traceSyscalls(...syscalls: readonly SyscallName[]): PolicyBuilder {
    return this.#say({ call: 'traceSyscalls', syscalls });
  }

  /**
   * A rule in the words of `bpf/dsl.ts`, or a program of one's own (`bpf()`). What it passes on goes to the next rule,
   * and in the end to the default action. What it allows does not reach executable memory, unless it has the token.
   */
  addPolicyOnSyscall(syscall: SyscallName, rule: RuleSource, token?: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'addPolicyOnSyscall', syscall, rule, token });
  }

  addPolicyOnSyscalls(syscalls: readonly SyscallName[], rule: RuleSource, token?: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'addPolicyOnSyscalls', syscalls: [...syscalls], rule, token });
  }

  /** `addPolicyOnSyscall` for `mmap`. */
  addPolicyOnMmap(rule: RuleSource, token?: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'addPolicyOnMmap', rule, token });
  }

  /**
   * What happens to syscalls that no rule decides; a violation where nothing is said. `errno()`, `deny()`, or a token:
   * `dangerouslyAllowAllSyscalls`, `traceAllSyscalls`, `dangerouslyPermitAllAndLog`. The refusals stay, and executable memory
   * has a token of its own.
   */
  defaultAction(action: DefaultAction): PolicyBuilder {
    if (!isDefault(action)) return this.#blame('defaultAction()', NO_DEFAULT);
    return this.#with({ defaultAction: action });
  }

  /** The monitor answers these with ENOENT and reports each as a denial. They have to take a path. */
  denyPathSyscalls(...syscalls: readonly SyscallName[]): PolicyBuilder {
    return this.#say({ call: 'denyPathSyscalls', syscalls });
  }

  /**
   * What a denied path leads to. One of `harmless` only gets its errno: exact paths, or beginnings of paths where they
   * end with `*`.
   */
  onPathDenial(consequence: PathDenial, harmless?: readonly string[]): PolicyBuilder {
    const harmlessPaths = harmless === undefined ? this.#draft.harmlessPaths : [...harmless];
    const problem = harmless?.map(problemOfPath).find((each) => each !== undefined);
    if (problem !== undefined) return this.#blame('onPathDenial()', problem);
    return this.#with({ onPathDenial: consequence, harmlessPaths });
  }

  /** A path relative to a base as an absolute one. Throws `PolicyError` where it leads out of the base. */
  static anchorPathAbsolute(relative: string, base: string): string {
    return anchorPathAbsolute(relative, base);
  }

  // Words with arguments; those without are in `vocabulary.ts`, those about files in `file-words.ts`

  /** Allows `futex` with one operation (FUTEX_*), private or shared. */
  allowFutexOp(operation: FutexOperation): PolicyBuilder {
    return this.#say({ call: 'allowFutexOp', operation });
  }

  /**
   * Allows `rseq`, `getcpu`, `membarrier`, `close`, `mmap` of private memory, `futex` with FUTEX_WAIT and FUTEX_WAKE,
   * `read`, `readv`, `preadv`, `preadv2`, `pread64`, `poll`, `ppoll`, `rt_sigprocmask` with SIG_SETMASK, `prctl` that
   * names memory. With 'slow', for where membarrier may be missing, also `sched_getaffinity`, `sched_setaffinity`. Unless
   * another rule says more, `open` and `openat` are ENOENT.
   */
  allowRestartableSequences(fences: CpuFences): PolicyBuilder {
    return this.#say({ call: 'allowRestartableSequences', fences });
  }

  /** Allows `mmap`. */
  allowMmap(token: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'allowMmap', token });
  }

  /** Allows `mprotect`. */
  allowMprotect(token: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'allowMprotect', token });
  }

  /** Allows `pkey_mprotect`. */
  allowPkeyMprotect(token: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'allowPkeyMprotect', token });
  }

  /**
   * Allows what allowStaticStartup() does (`uname`, `brk`, `set_tid_address`, `set_robust_list`, `rseq`, `getrandom`,
   * `rt_sigprocmask`, `rt_sigaction`, `getrlimit`, `prlimit64`, `arch_prctl`, `futex`; `readlink`, `readlinkat` and
   * `sigaltstack` with an errno), and what the loader does: `access`, `faccessat`, `faccessat2`, `creat`, `open`,
   * `openat`, `read`, `readv`, `preadv`, `preadv2`, `pread64`, `fstat`, `fstatfs`, `lstat`, `newfstatat`, `stat`,
   * `statfs`, `statx`, `lseek`, `close`, `munmap`, `mmap` and `mprotect` of code that is not writable.
   */
  allowDynamicStartup(token: ExecutableMemory): PolicyBuilder {
    return this.#say({ call: 'allowDynamicStartup', token });
  }

  /** @internal */
  protected override word(name: PlainWord): PolicyBuilder {
    return this.#say({ call: name });
  }

  /** @internal */
  protected override files(statement: FileStatement): PolicyBuilder {
    return this.#say(frozen(statement));
  }

  /** @internal */
  protected override mistake(call: string, message: string): PolicyBuilder {
    return this.#blame(call, message);
  }

  #say(statement: Statement): PolicyBuilder {
    const stated = { statement, origin: { call: callOf(statement) } };
    return this.#with({ stated: [...this.#draft.stated, stated] });
  }

  #blame(name: string, message: string): PolicyBuilder {
    return this.#with({ problems: [...this.#draft.problems, { call: name, message }] });
  }

  #with(change: Partial<Draft>): PolicyBuilder {
    return new PolicyBuilder({ ...this.#draft, ...change });
  }
}

/** A list is the caller's, who may change it. */
function frozen(statement: FileStatement): FileStatement {
  if (statement.call !== 'addLibrariesForBinary' || !Array.isArray(statement.libraryPath)) return { ...statement };
  return { ...statement, libraryPath: [...statement.libraryPath] };
}

const NO_DEFAULT =
  'it is errno(…), deny(…), violation(), killProcess() or the token traceAllSyscalls; to allow everything takes the token dangerouslyAllowAllSyscalls';

function isDefault(action: DefaultAction): boolean {
  if (typeof action === 'symbol') return DEFAULT_TOKENS.some(({ token }) => token === action);
  if (action.kind === 'notify') {
    const { answer } = action;
    return answer.kind === 'violation' || (answer.kind === 'denial' && answer.path === undefined);
  }
  return action.kind === 'errno' || action.kind === 'kill-process';
}
