/**
 * What can be said to a builder, as values: each call of `PolicyBuilder` makes one, and so does each entry of a
 * document's `rules`. Both get their meaning here.
 */
import { constants } from 'node:os';
import type { FUTEX } from './abi.js';
import { allow, denyPath, errno, trace } from './bpf/dsl.js';
import { canAllow, type Rule } from './bpf/nodes.js';
import { BadRawProgram, RawProgram, ruleOf } from './bpf/raw.js';
import { TooIntricate } from './bpf/regions.js';
import { type ErrnoName, isErrnoName } from './errno-names.js';
import { withoutExecutableMemory } from './executable.js';
import { callOfFiles, type FileStatement, isFileStatement } from './file-statements.js';
import { whyRefusedAltogether } from './refused.js';
import { futexOperation } from './rules.js';
import { pathArgument } from './syscalls/arguments.js';
import { type Architecture, isSyscallName, type SyscallName, syscallTable } from './syscalls/index.js';
import { dangerouslyAllowExecutableMemory, type ExecutableMemory } from './tokens.js';
import { DYNAMIC_STARTUP, FAST_FENCES, type Part, type PlainWord, SLOW_FENCES, WORDS } from './words.js';

export type FutexOperation = (typeof FUTEX)[keyof typeof FUTEX];

/** `fast`: with the syscall membarrier. `slow`: where that may be missing, too. */
export type CpuFences = 'fast' | 'slow';

/** In the words of `bpf/dsl.ts`, or a program of one's own. */
export type RuleSource = Rule | RawProgram;

export type Statement =
  | { readonly call: PlainWord }
  | { readonly call: 'allowSyscall'; readonly syscall: SyscallName }
  | { readonly call: 'allowSyscalls'; readonly syscalls: readonly SyscallName[] }
  | { readonly call: 'traceSyscall'; readonly syscall: SyscallName }
  | { readonly call: 'traceSyscalls'; readonly syscalls: readonly SyscallName[] }
  | { readonly call: 'blockSyscallWithErrno'; readonly syscall: SyscallName; readonly errno: ErrnoName }
  | { readonly call: 'blockSyscallsWithErrno'; readonly syscalls: readonly SyscallName[]; readonly errno: ErrnoName }
  | ({ readonly call: 'addPolicyOnSyscall'; readonly syscall: SyscallName } & Ruled)
  | ({ readonly call: 'addPolicyOnSyscalls'; readonly syscalls: readonly SyscallName[] } & Ruled)
  | ({ readonly call: 'addPolicyOnMmap' } & Ruled)
  | { readonly call: 'denyPathSyscalls'; readonly syscalls: readonly SyscallName[] }
  | { readonly call: 'allowFutexOp'; readonly operation: FutexOperation }
  | { readonly call: 'allowRestartableSequences'; readonly fences: CpuFences }
  | { readonly call: TokenWord; readonly token: ExecutableMemory }
  | FileStatement;

interface Ruled {
  readonly rule: RuleSource;
  readonly token?: ExecutableMemory | undefined;
}

/** Words that make memory executable. */
export const TOKEN_WORDS = {
  allowMmap: [{ syscalls: ['mmap'], rule: allow() }],
  allowMprotect: [{ syscalls: ['mprotect'], rule: allow() }],
  allowPkeyMprotect: [{ syscalls: ['pkey_mprotect'], rule: allow() }],
  allowDynamicStartup: DYNAMIC_STARTUP,
} as const satisfies Readonly<Record<string, readonly Part[]>>;

export type TokenWord = keyof typeof TOKEN_WORDS;

/** What is wrong with a statement, and with which part of it: `/syscalls/0`. */
export interface StatementProblem {
  readonly at: string;
  readonly message: string;
}

export interface Meaning {
  readonly parts: readonly Part[];
  readonly problems: readonly StatementProblem[];
}

/** What it says of syscalls: of files it says nothing here, but in `filesystem-draft.ts`. */
export function meaningOf(statement: Statement, arch: Architecture): Meaning {
  if (isFileStatement(statement)) return sound([]);
  switch (statement.call) {
    case 'allowSyscall':
    case 'allowSyscalls':
      return ruled(statement, { rule: allow() }, arch);
    case 'traceSyscall':
    case 'traceSyscalls':
      return ruled(statement, { rule: trace() }, arch);
    case 'blockSyscallWithErrno':
    case 'blockSyscallsWithErrno':
      return blocked(statement, arch);
    case 'addPolicyOnSyscall':
    case 'addPolicyOnSyscalls':
    case 'addPolicyOnMmap':
      return ruled(statement, statement, arch);
    case 'denyPathSyscalls':
      return pathsDenied(statement.syscalls);
    case 'allowFutexOp':
      return sound([{ syscalls: ['futex'], rule: futexOperation(statement.operation) }]);
    case 'allowRestartableSequences':
      return sound(statement.fences === 'fast' ? FAST_FENCES : SLOW_FENCES);
    case 'allowMmap':
    case 'allowMprotect':
    case 'allowPkeyMprotect':
    case 'allowDynamicStartup':
      if (statement.token !== dangerouslyAllowExecutableMemory) return unsound('/token', NEEDS_TOKEN);
      return sound(TOKEN_WORDS[statement.call]);
    default:
      return sound(WORDS[statement.call]);
  }
}

/** As it would be written: `allowSyscall('ptrace')`. */
export function callOf(statement: Statement): string {
  if (isFileStatement(statement)) return callOfFiles(statement);
  const values = [
    ...('syscall' in statement ? [`'${statement.syscall}'`] : []),
    ...('syscalls' in statement ? statement.syscalls.map((name) => `'${name}'`) : []),
    ...('errno' in statement ? [`'${statement.errno}'`] : []),
    ...('operation' in statement ? [String(statement.operation)] : []),
    ...('fences' in statement ? [`'${statement.fences}'`] : []),
  ];
  return `${statement.call}(${values.join(', ')})`;
}

const NEEDS_TOKEN =
  'it makes memory executable: give it the token dangerouslyAllowExecutableMemory, or use the word that ends in WithoutExec';

type Listed = Extract<Statement, { readonly syscall: SyscallName } | { readonly syscalls: readonly SyscallName[] }>;

/** Its syscalls, each with its place in the statement. */
function syscallsOf(
  statement: Listed | { readonly call: 'addPolicyOnMmap' },
): readonly (readonly [SyscallName, string])[] {
  if ('syscall' in statement) return [[statement.syscall, '/syscall']];
  if ('syscalls' in statement) return statement.syscalls.map((name, index) => [name, `/syscalls/${index}`]);
  return [['mmap', '']];
}

function ruled(
  statement: Listed | { readonly call: 'addPolicyOnMmap' },
  { rule, token }: Ruled,
  arch: Architecture,
): Meaning {
  const syscalls = syscallsOf(statement);
  if (syscalls.length === 0) return unsound('/syscalls', 'it names no syscall');
  return join(syscalls.map(([name, at]) => ruledOne(name, at, rule, token, arch)));
}

function ruledOne(
  name: SyscallName,
  at: string,
  source: RuleSource,
  token: Ruled['token'],
  arch: Architecture,
): Meaning {
  if (!isSyscallName(name)) return unsound(at, unknownSyscall(name));
  if (token !== undefined && token !== dangerouslyAllowExecutableMemory) {
    return unsound('/token', 'the only token of a rule is dangerouslyAllowExecutableMemory');
  }
  if (!(source instanceof RawProgram) && !isRule(source)) return unsound('/rule', NO_RULE);
  try {
    const rule = source instanceof RawProgram ? ruleOf(source, numberOf(name, arch), arch) : source;
    const refused = canAllow(rule) ? whyRefusedAltogether(name) : undefined;
    if (refused !== undefined) {
      return unsound(at, `${name} is refused by every policy (${refused}); blockSyscallWithErrno can choose its errno`);
    }
    const harmless = token === undefined ? withoutExecutableMemory(name, rule) : rule;
    if (harmless !== undefined) return sound([{ syscalls: [name], rule: harmless }]);
    return unsound(
      '/rule',
      'all that it allows is executable memory, which takes the token dangerouslyAllowExecutableMemory',
    );
  } catch (error) {
    if (error instanceof BadRawProgram)
      return unsound(placeInProgram(error), `${lineInProgram(error)}${error.message}`);
    if (error instanceof TooIntricate) return unsound('/rule', `${error.message}; compare fewer arguments`);
    throw error;
  }
}

const NO_RULE = 'that is no rule: write allowWhen(arg(0).eq(1)), when(…).otherwise(…) or bpf(…)';
const RULE_KINDS: readonly unknown[] = ['allow', 'errno', 'notify', 'kill-process', 'pass', 'choice'];

/** For callers without types; the words of `bpf/dsl.ts` make nothing that is half a rule. */
function isRule(rule: unknown): rule is Rule {
  return typeof rule === 'object' && rule !== null && 'kind' in rule && RULE_KINDS.includes(rule.kind);
}

/** A syscall that the architecture does not have is passed over later; until then it has a number that none has. */
function numberOf(name: SyscallName, arch: Architecture): number {
  return syscallTable(arch).number(name) ?? 0xffffffff;
}

function placeInProgram({ line }: BadRawProgram): string {
  return line === undefined ? '/rule/bpf' : `/rule/bpf/${line}`;
}

function lineInProgram({ line }: BadRawProgram): string {
  return line === undefined ? '' : `line ${line + 1}: `;
}

function blocked(statement: Extract<Statement, { readonly errno: ErrnoName }>, arch: Architecture): Meaning {
  const error = statement.errno;
  if (!isErrnoName(error)) return unsound('/errno', `there is no errno '${String(error)}'`);
  return ruled(statement, { rule: errno(constants.errno[error]) }, arch);
}

function pathsDenied(syscalls: readonly SyscallName[]): Meaning {
  if (syscalls.length === 0) return unsound('/syscalls', 'it names no syscall');
  return join(
    syscalls.map((name, index) => {
      if (!isSyscallName(name)) return unsound(`/syscalls/${index}`, unknownSyscall(name));
      const path = pathArgument(name);
      if (path === undefined) return unsound(`/syscalls/${index}`, `${name} takes no path`);
      return sound([{ syscalls: [name], rule: denyPath(path) }]);
    }),
  );
}

function unknownSyscall(name: string): string {
  return `no kernel up to 6.18 has a syscall '${name}' on x64 or arm64`;
}

function sound(parts: readonly Part[]): Meaning {
  return { parts, problems: [] };
}

function unsound(at: string, message: string): Meaning {
  return { parts: [], problems: [{ at, message }] };
}

function join(meanings: readonly Meaning[]): Meaning {
  return {
    parts: meanings.flatMap(({ parts }) => parts),
    problems: meanings.flatMap(({ problems }) => problems),
  };
}
