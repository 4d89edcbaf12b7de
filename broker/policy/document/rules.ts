/** Actions, conditions and rules, as a document writes them: the words of `bpf/dsl.ts` are its keys. */
import type { Instruction } from '../bpf/assembler.js';
import {
  type Argument,
  all,
  allow,
  any,
  arg,
  arg64,
  deny,
  denyPath,
  errno,
  killProcess,
  not,
  pass,
  trace,
  violation,
} from '../bpf/dsl.js';
import type { Action, Condition, Pass, Rule } from '../bpf/nodes.js';
import { RawProgram } from '../bpf/raw.js';
import type { RuleSource } from '../statements.js';
import type { JsonObject } from './json.js';
import {
  byForm,
  converted,
  list,
  object,
  oneOf,
  optional,
  type Reading,
  recursive,
  required,
  type Shape,
  text,
} from './shape.js';
import { argumentIndex, byte, errnoNumber, opcode, operand, value } from './values.js';

// Actions

const errnoAction: Shape<Action> = converted(object('an errno', { errno: required(errnoNumber) }), (read) =>
  errno(read.errno),
);

const denial: Shape<Action> = converted(object('a denial', { deny: required(errnoNumber) }), (read) => deny(read.deny));

const pathDenial: Shape<Action> = converted(
  object('the denial of a path', { denyPath: required(argumentIndex), errno: optional(errnoNumber) }),
  (read) => denyPath(read.denyPath, read.errno),
);

const ENDS = { violation: violation(), killProcess: killProcess() } as const;

/** What `defaultAction` may be, the token apart. */
export const fallback: Shape<Action> = byForm('"violation", "killProcess", {"errno": "EPERM"} or {"deny": "EPERM"}', {
  string: converted(oneOf(['violation', 'killProcess']), (name): Action => ENDS[name]),
  objects: { errno: errnoAction, deny: denial },
});

// Conditions

const COMPARISONS = {
  eq: optional(value),
  ne: optional(value),
  in: optional(list(value, 'a list of numbers', 1)),
  hasNone: optional(value),
  hasAny: optional(value),
  hasOnly: optional(value),
} as const;

const COMPARISON_NAMES = ['eq', 'ne', 'in', 'hasNone', 'hasAny', 'hasOnly'] as const;

type Comparison = { readonly [Name in Exclude<keyof typeof COMPARISONS, 'in'>]: bigint | undefined } & {
  readonly in: readonly bigint[] | undefined;
};

function compare(argument: Argument, { in: values, ...said }: Comparison): Condition {
  if (values !== undefined) return argument.in(...values);
  const names = ['eq', 'ne', 'hasNone', 'hasAny', 'hasOnly'] as const;
  const [condition] = names.flatMap((name) => (said[name] === undefined ? [] : [argument[name](said[name])]));
  if (condition === undefined) throw new Error('a comparison without a comparison was read');
  return condition;
}

/** `masked`: only these bits are looked at. Exactly one of the comparisons. */
const OF_ARGUMENT = { masked: optional(value), ...COMPARISONS } as const;

function comparing<T extends Comparison>(shape: Shape<T>, argument: (read: T) => Argument): Shape<Condition> {
  return {
    expected: shape.expected,
    schema: { ...shape.schema, oneOf: COMPARISON_NAMES.map((name): JsonObject => ({ required: [name] })) },
    read(given, path, reading) {
      const read = shape.read(given, path, reading);
      if (read === undefined) return undefined;
      const said = COMPARISON_NAMES.filter((name) => read[name] !== undefined);
      if (said.length === 1) return atPath(path, reading, () => compare(argument(read), read));
      return reading.fail(path, `it compares by exactly one of ${COMPARISON_NAMES.join(', ')}, not by ${said.length}`);
    },
  };
}

function atPath<T>(path: string, reading: Reading, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return reading.fail(path, error.message);
    throw error;
  }
}

function under(argument: Argument, bits: bigint | undefined): Argument {
  return bits === undefined ? argument : argument.masked(bits);
}

export const condition: Shape<Condition> = recursive('condition', 'a condition', () => conditions);

const several = list(condition, 'a list of conditions');

const conditions: Shape<Condition> = byForm(
  'a condition: {"arg": …}, {"arg64": …}, {"all": …}, {"any": …} or {"not": …}',
  {
    objects: {
      arg: comparing(object('a comparison', { arg: required(argumentIndex), ...OF_ARGUMENT }), (read) =>
        under(arg(read.arg), read.masked),
      ),
      arg64: comparing(object('a comparison', { arg64: required(argumentIndex), ...OF_ARGUMENT }), (read) =>
        under(arg64(read.arg64), read.masked),
      ),
      all: converted(object('all of some conditions', { all: required(several) }), (read) => all(...read.all)),
      any: converted(object('any of some conditions', { any: required(several) }), (read) => any(...read.any)),
      not: converted(object('the opposite of a condition', { not: required(condition) }), (read) => not(read.not)),
    },
  },
);

// Rules

const PLAIN_RULES = { allow: allow(), pass: pass(), trace: trace(), ...ENDS } as const;

const instruction: Shape<Instruction> = object('an instruction', {
  code: required(opcode),
  jt: required(byte),
  jf: required(byte),
  k: required(operand),
});

const EXPECTED_RULE =
  'a rule: "allow", "pass", "trace", "violation", "killProcess", {"errno": …}, {"deny": …}, {"denyPath": …} or {"when": …, "then": …, "otherwise": …}';

/** `otherwise` is "pass" where nothing is said. */
const innerRule: Shape<Rule> = recursive('rule', 'a rule', () => innerRules);

const then = required(innerRule);

const choice: Shape<Rule> = converted(
  object('a choice', { when: required(condition), then, otherwise: optional(innerRule) }),
  ({ when, otherwise = pass(), ...rest }): Rule => ({ kind: 'choice', condition: when, ...rest, otherwise }),
);

const innerRules: Shape<Rule> = byForm<Action | Pass | Rule>(EXPECTED_RULE, {
  string: converted(oneOf(['allow', 'pass', 'trace', 'violation', 'killProcess']), (name): Rule => PLAIN_RULES[name]),
  objects: { when: choice, denyPath: pathDenial, errno: errnoAction, deny: denial },
});

const lines = list(text('a line of a program'), 'a program: a list of lines, or of instructions', 1);
const instructions = list(instruction, 'a list of instructions', 1);

/** Lines of text, or instructions, by what comes first. */
const program: Shape<RawProgram> = {
  expected: lines.expected,
  schema: { anyOf: [lines.schema, instructions.schema] },
  read(given, path, reading) {
    const isText = !Array.isArray(given) || given.length === 0 || typeof given[0] === 'string';
    const read = isText ? lines.read(given, path, reading) : instructions.read(given, path, reading);
    return read === undefined ? undefined : new RawProgram(read);
  },
};

const rawRule: Shape<RuleSource> = converted(object('a program', { bpf: required(program) }), (read) => read.bpf);

/** What is passed on goes to the next rule for the syscall. */
export const rule: Shape<RuleSource> = byForm<RuleSource>(`${EXPECTED_RULE}, or {"bpf": …}`, {
  string: converted(innerRule, (read): RuleSource => read),
  objects: { bpf: rawRule, when: innerRule, denyPath: innerRule, errno: innerRule, deny: innerRule },
});

/** The places in the schema that shapes refer to. */
export const RULE_DEFINITIONS: Readonly<Record<string, JsonObject>> = {
  condition: conditions.schema,
  rule: innerRules.schema,
};
