/**
 * A policy as a JSON document. Its words are those of `PolicyBuilder`:
 *
 *     {
 *       "name": "thumbnails",
 *       "preset": "node",
 *       "rules": ["allowPipe", { "call": "blockSyscallWithErrno", "syscall": "uname", "errno": "EPERM" }]
 *     }
 *
 * or, of several documents, what all of them allow: `{ "intersection": [{ … }, { … }] }`.
 */
import type { DefaultAction, Definition } from '../definition.js';
import { EMPTY_DRAFT, resolve } from '../draft.js';
import { PolicyError } from '../errors.js';
import { intersectionOf } from '../intersection.js';
import { problemOfPath } from '../path-settings.js';
import { PRESET_NAMES, presetOf } from '../preset-list.js';
import { callOf } from '../statements.js';
import { ARCHITECTURES, type Architecture, hostArchitecture } from '../syscalls/index.js';
import { DEFAULT_TOKENS } from '../tokens.js';
import type { JsonObject } from './json.js';
import { fallback } from './rules.js';
import {
  converted,
  isObject,
  list,
  object,
  oneOf,
  optional,
  Reading,
  recursive,
  required,
  type Shape,
  text,
} from './shape.js';
import { STATEMENT_DEFINITIONS, statement } from './statements.js';
import { JsonTextError, parseJsonText } from './text.js';

/**
 * From a text or from what `JSON.parse` makes of it. Throws `PolicyError`, whose problems are called by the path into
 * the document.
 */
export function readDocument(given: unknown): Definition {
  const document: unknown = typeof given === 'string' ? parse(given) : given;
  const reading = new Reading(architectureOf(document));
  const definition = anyDocument.read(document, '', reading);
  if (definition === undefined || reading.problems.length > 0)
    throw new PolicyError(nameIn(document), reading.problems);
  return definition;
}

function parse(written: string): unknown {
  try {
    return parseJsonText(written).value;
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new PolicyError('document', [{ call: '/', message: `it is no JSON: ${error.message}` }]);
  }
}

function nameIn(document: unknown): string {
  return isObject(document) && typeof document.name === 'string' ? document.name : 'document';
}

/** What says nothing is for the architecture that it is read on. */
function architectureOf(document: unknown): Architecture {
  const said = isObject(document) ? document.arch : undefined;
  return said === 'x64' || said === 'arm64' ? ARCHITECTURES[said] : hostArchitecture();
}

const arch = converted(oneOf(['x64', 'arm64']), (name) => ARCHITECTURES[name]);

const harmlessPath = converted(text('an absolute path, or the beginning of paths that ends with *'), (path) => {
  const problem = problemOfPath(path);
  if (problem !== undefined) throw new RangeError(problem);
  return path;
});

const TOKEN_NAMES = DEFAULT_TOKENS.map(({ name }) => name);
const tokens = oneOf(TOKEN_NAMES);

const token: Shape<DefaultAction> = converted(tokens, (said): DefaultAction => {
  const found = DEFAULT_TOKENS.find(({ name }) => name === said);
  if (found === undefined) throw new RangeError(`there is no token ${said}`);
  return found.token;
});

const defaultAction: Shape<DefaultAction> = {
  expected: `${fallback.expected}, or ${tokens.expected}`,
  schema: { anyOf: [fallback.schema, token.schema] },
  read: (value, path, reading) =>
    (TOKEN_NAMES.some((name) => name === value) ? token : fallback).read(value, path, reading),
};

const RULE_FIELDS = object('a policy', {
  $schema: optional(text('where the schema is')),
  name: optional(text('the name that errors and reports use')),
  arch: optional(arch),
  preset: optional(oneOf(PRESET_NAMES)),
  onPathDenial: optional(oneOf(['report', 'kill'])),
  harmlessPaths: optional(list(harmlessPath, 'a list of paths')),
  defaultAction: optional(defaultAction),
  rules: optional(list(statement, 'a list of words and calls')),
});

const rules: Shape<Definition> = {
  ...RULE_FIELDS,
  read(value, path, reading) {
    const read = RULE_FIELDS.read(value, path, reading);
    if (read === undefined) return undefined;
    const { preset, rules: statements = [], $schema, ...said } = read;
    const stated = statements.map((each, index) => ({
      statement: each,
      origin: { call: callOf(each), pointer: `${path}/rules/${index}` },
    }));
    return gathering(reading, () => ({
      ...resolve({ ...EMPTY_DRAFT, ...said, stated, preset: preset === undefined ? undefined : presetOf(preset) }),
      written: copyOf(value),
      pointer: path,
    }));
  },
};

const part: Shape<Definition> = recursive('policy', 'a policy', () => anyDocument);

const INTERSECTION_FIELDS = object('an intersection of policies', {
  $schema: optional(text('where the schema is')),
  name: optional(text('the name that errors and reports use')),
  intersection: required(list(ofItsOwn(part), 'a list of at least two policies', 2)),
});

const intersection: Shape<Definition> = {
  ...INTERSECTION_FIELDS,
  read(value, path, reading) {
    const read = INTERSECTION_FIELDS.read(value, path, reading);
    if (read === undefined) return undefined;
    return gathering(reading, () => ({ ...intersectionOf(read.intersection, read.name), written: copyOf(value) }));
  },
};

/** Each part of an intersection says for itself which architecture it is for. */
function ofItsOwn<T>(shape: Shape<T>): Shape<T> {
  return {
    ...shape,
    read(value, path, outer) {
      const reading = new Reading(architectureOf(value));
      reading.depth = outer.depth;
      const read = shape.read(value, path, reading);
      outer.problems.push(...reading.problems);
      return read;
    },
  };
}

const anyDocument: Shape<Definition> = {
  expected: rules.expected,
  schema: { anyOf: [rules.schema, intersection.schema] },
  read: (value, path, reading) =>
    (isObject(value) && Object.hasOwn(value, 'intersection') ? intersection : rules).read(value, path, reading),
};

function gathering<T>(reading: Reading, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    reading.problems.push(...error.problems);
    return undefined;
  }
}

/** It was read as a document, so it is JSON and an object. */
function copyOf(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** The published JSON Schema (draft 2020-12), `policy.schema.json`. */
export function policySchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A Sallyport policy',
    description: 'Which syscalls a sandboxee may make. docs/policy.md says what each word means.',
    $ref: '#/$defs/policy',
    $defs: { policy: anyDocument.schema, ...STATEMENT_DEFINITIONS },
  };
}
