/** Writes a policy as a document, in the words with which it was made. */

import { FUTEX } from '../abi.js';
import type { Instruction } from '../bpf/assembler.js';
import { type Action, type Condition, isChoice, type Pass, type Rule, type Test } from '../bpf/nodes.js';
import { errnoName } from '../bpf/printer.js';
import { RawProgram } from '../bpf/raw.js';
import type { DefaultAction, Definition, RulePolicy } from '../definition.js';
import { isFileStatement } from '../file-statements.js';
import type { RuleSource, Statement } from '../statements.js';
import { ARCHITECTURES, type Architecture } from '../syscalls/index.js';
import { DEFAULT_TOKENS } from '../tokens.js';
import { writeFiles } from './files.js';
import type { Json, JsonObject } from './json.js';

/** A document that reads as the same policy: the one that it was read from, or else a new one. */
export function writeDocument(definition: Definition): JsonObject {
  const { written } = definition;
  if (written !== undefined) return JSON.parse(JSON.stringify(written)) as JsonObject;
  if (definition.kind === 'rules') return writeRules(definition);
  const { name, parts } = definition;
  return { name, intersection: parts.map(writeDocument) };
}

function writeRules({ draft }: RulePolicy): JsonObject {
  const { name, arch, preset, onPathDenial, harmlessPaths, defaultAction, stated } = draft;
  return {
    ...(name === undefined ? {} : { name }),
    ...(arch === undefined ? {} : { arch: architectureNamed(arch) }),
    ...(preset === undefined ? {} : { preset: preset.name }),
    ...(onPathDenial === undefined ? {} : { onPathDenial }),
    ...(harmlessPaths === undefined ? {} : { harmlessPaths }),
    ...(defaultAction === undefined ? {} : { defaultAction: writeDefault(defaultAction) }),
    rules: stated.map(({ statement }) => writeStatement(statement)),
  };
}

function architectureNamed(arch: Architecture): string {
  return Object.entries(ARCHITECTURES).find(([, known]) => known === arch)?.[0] ?? '';
}

function writeDefault(action: DefaultAction): Json {
  if (typeof action !== 'symbol') return writeAction(action);
  return DEFAULT_TOKENS.find(({ token }) => token === action)?.name ?? 'violation';
}

function writeStatement(statement: Statement): Json {
  if (isFileStatement(statement)) return writeFiles(statement);
  const { call } = statement;
  const parts: JsonObject = {
    ...('syscall' in statement ? { syscall: statement.syscall } : {}),
    ...('syscalls' in statement ? { syscalls: statement.syscalls } : {}),
    ...('errno' in statement ? { errno: statement.errno } : {}),
    ...('operation' in statement ? { operation: nameOf(FUTEX, statement.operation) } : {}),
    ...('fences' in statement ? { fences: statement.fences } : {}),
    ...('rule' in statement ? { rule: writeSource(statement.rule) } : {}),
    ...('token' in statement && statement.token !== undefined ? { token: 'dangerouslyAllowExecutableMemory' } : {}),
  };
  return Object.keys(parts).length === 0 ? call : { call, ...parts };
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(names).find(([, known]) => known === value)?.[0] ?? String(value);
}

function writeSource(source: RuleSource): Json {
  if (!(source instanceof RawProgram)) return writeRule(source);
  return { bpf: source.source.map((each): Json => (typeof each === 'string' ? each : writeInstruction(each))) };
}

function writeInstruction({ code, jt, jf, k }: Instruction): JsonObject {
  return { code, jt, jf, k };
}

/** `otherwise` is left out where it passes on. */
function writeRule(rule: Rule): Json {
  if (!isChoice(rule)) return writeAction(rule);
  const then = writeRule(rule.then);
  const choice = { when: writeCondition(rule.condition), then };
  return rule.otherwise.kind === 'pass' ? choice : { ...choice, otherwise: writeRule(rule.otherwise) };
}

function writeAction(action: Action | Pass): Json {
  switch (action.kind) {
    case 'allow':
    case 'pass':
      return action.kind;
    case 'kill-process':
      return 'killProcess';
    case 'errno':
      return { errno: writeErrno(action.errno) };
    case 'notify': {
      const { answer } = action;
      if (answer.kind !== 'denial') return answer.kind;
      const errno = writeErrno(answer.errno);
      return answer.path === undefined ? { deny: errno } : { denyPath: answer.path, errno };
    }
  }
}

function writeErrno(errno: number): Json {
  const name = errnoName(errno);
  return name === String(errno) ? errno : name;
}

function writeCondition(condition: Condition): Json {
  switch (condition.kind) {
    case 'all':
      return { all: condition.conditions.map(writeCondition) };
    case 'any':
      return { any: condition.conditions.map(writeCondition) };
    case 'not':
      return { not: writeCondition(condition.condition) };
    case 'test':
      return writeTest(condition);
  }
}

function writeTest({ argument, width, mask, values }: Test): JsonObject {
  const whole = mask === (1n << BigInt(width)) - 1n;
  const [only, ...more] = values.map(writeValue);
  return {
    [width === 32 ? 'arg' : 'arg64']: argument,
    ...(whole ? {} : { masked: writeValue(mask) }),
    ...(more.length === 0 && only !== undefined ? { eq: only } : { in: values.map(writeValue) }),
  };
}

function writeValue(value: bigint): Json {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}`;
}
