/** What `rules` of a document lists: the calls of `PolicyBuilder`. */
import { FUTEX } from '../abi.js';
import type { FutexOperation, Statement } from '../statements.js';
import { type SyscallName, syscallNames } from '../syscalls/index.js';
import { dangerouslyAllowExecutableMemory, type ExecutableMemory } from '../tokens.js';
import { PLAIN_WORDS } from '../words.js';
import { FILE_CALLS } from './files.js';
import type { JsonObject } from './json.js';
import { RULE_DEFINITIONS, rule } from './rules.js';
import { byKey, call, converted, list, named, object, oneOf, optional, required, type Shape } from './shape.js';
import { errnoName } from './values.js';

const anySyscall: Shape<SyscallName> = oneOf(syscallNames(), 'a syscall that x64 or arm64 has up to Linux 6.18');
const syscall = named('syscall', anySyscall);
const syscalls = list(syscall, 'a list of syscalls', 1);

const token: Shape<ExecutableMemory> = converted(
  oneOf(['dangerouslyAllowExecutableMemory']),
  () => dangerouslyAllowExecutableMemory,
);

const FUTEX_NAMES = Object.keys(FUTEX) as (keyof typeof FUTEX)[];
const futexOperation: Shape<FutexOperation> = converted(
  oneOf(FUTEX_NAMES, `one of ${FUTEX_NAMES.join(', ')}`),
  (name) => FUTEX[name],
);

const plainWord = named('word', oneOf(PLAIN_WORDS, 'a word without arguments such as "allowRead"'));

const fences = required(oneOf(['fast', 'slow']));

/** By the words that have arguments. */
export const CALLS = {
  allowSyscall: object('allowSyscall', { call: call('allowSyscall'), syscall: required(syscall) }),
  allowSyscalls: object('allowSyscalls', { call: call('allowSyscalls'), syscalls: required(syscalls) }),
  traceSyscall: object('traceSyscall', { call: call('traceSyscall'), syscall: required(syscall) }),
  traceSyscalls: object('traceSyscalls', { call: call('traceSyscalls'), syscalls: required(syscalls) }),
  blockSyscallWithErrno: object('blockSyscallWithErrno', {
    call: call('blockSyscallWithErrno'),
    syscall: required(syscall),
    errno: required(errnoName),
  }),
  blockSyscallsWithErrno: object('blockSyscallsWithErrno', {
    call: call('blockSyscallsWithErrno'),
    syscalls: required(syscalls),
    errno: required(errnoName),
  }),
  addPolicyOnSyscall: object('addPolicyOnSyscall', {
    call: call('addPolicyOnSyscall'),
    syscall: required(syscall),
    rule: required(rule),
    token: optional(token),
  }),
  addPolicyOnSyscalls: object('addPolicyOnSyscalls', {
    call: call('addPolicyOnSyscalls'),
    syscalls: required(syscalls),
    rule: required(rule),
    token: optional(token),
  }),
  addPolicyOnMmap: object('addPolicyOnMmap', {
    call: call('addPolicyOnMmap'),
    rule: required(rule),
    token: optional(token),
  }),
  denyPathSyscalls: object('denyPathSyscalls', { call: call('denyPathSyscalls'), syscalls: required(syscalls) }),
  allowFutexOp: object('allowFutexOp', { call: call('allowFutexOp'), operation: required(futexOperation) }),
  allowRestartableSequences: object('allowRestartableSequences', { call: call('allowRestartableSequences'), fences }),
  allowMmap: object('allowMmap', { call: call('allowMmap'), token: required(token) }),
  allowMprotect: object('allowMprotect', { call: call('allowMprotect'), token: required(token) }),
  allowPkeyMprotect: object('allowPkeyMprotect', { call: call('allowPkeyMprotect'), token: required(token) }),
  allowDynamicStartup: object('allowDynamicStartup', { call: call('allowDynamicStartup'), token: required(token) }),
  ...FILE_CALLS,
} as const satisfies Readonly<Record<Exclude<Statement['call'], (typeof PLAIN_WORDS)[number]>, Shape<Statement>>>;

const calls: Shape<Statement> = byKey<Statement>('call', 'a word, or an object with the key "call"', CALLS);

/** A word without arguments is a string. */
export const statement: Shape<Statement> = {
  expected: calls.expected,
  schema: { anyOf: [plainWord.schema, calls.schema] },
  read(value, path, reading) {
    if (typeof value !== 'string') return calls.read(value, path, reading);
    if (Object.hasOwn(CALLS, value))
      return reading.fail(path, `"${value}" has arguments: write {"call": "${value}", …}`);
    const word = plainWord.read(value, path, reading);
    return word === undefined ? undefined : { call: word };
  },
};

export const STATEMENT_DEFINITIONS: Readonly<Record<string, JsonObject>> = {
  ...RULE_DEFINITIONS,
  word: { enum: PLAIN_WORDS },
  syscall: anySyscall.schema,
};
