import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { policySchema } from '../../broker/policy/document/document.js';
import type { Json, JsonObject } from '../../broker/policy/document/json.js';
import { PolicyError } from '../../broker/policy/errors.js';
import { Policy } from '../../broker/policy/policy.js';
import { randomPolicies } from './arbitraries.js';
import { isValid } from './schema-validator.js';

const read = (path: string): JsonObject =>
  JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')) as JsonObject;

const schema = policySchema();
const everything = read('test/policy/fixtures/everything.json');

function parses(document: unknown): boolean {
  try {
    Policy.parse(document);
    return true;
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}

/** Every document that differs in one place: a key is missing, one is too many, or a value is another. */
function* mutations(value: Json): Generator<Json> {
  for (const other of ['x', 7, -1, 0.5, null, true, [], {}]) yield other;
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) {
      for (const change of mutations(each)) yield value.with(index, change);
      yield value.toSpliced(index, 1);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, each] of Object.entries(value)) {
      for (const change of mutations(each)) yield { ...value, [name]: change };
      yield Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    }
    yield { ...value, surplus: 1 };
  }
}

/** What no schema can say: numbers and paths have a meaning, and rules have something to do with each other. */
const BEYOND_A_SCHEMA =
  /no number and no constant|does not fit|outside the mask|mask of no bits|no absolute path|refused by every policy|takes no path|already decides|more than one answer|takes the token|line \d+: |the program is empty|is not absolute|is no size|is no name for a host|cannot be writable|shows something else/;

describe('policy.schema.json', () => {
  it('is what the shapes say that read a document', () => {
    expect(read('broker/policy/policy.schema.json')).to.deep.equal(schema);
  });

  it('takes every document that parses', () => {
    expect(isValid(everything, schema)).to.equal(true);
    expect(isValid({ intersection: [everything, { intersection: [{}, {}] }] }, schema)).to.equal(true);
    fc.assert(
      fc.property(randomPolicies, (policy) => isValid(policy.toJSON(), schema)),
      { numRuns: 150 },
    );
  });

  it('refuses what parse() refuses by its shape, one mutation at a time', () => {
    let refused = 0;
    for (const document of mutations(everything)) {
      const valid = isValid(document, schema);
      if (valid === parses(document)) continue;
      refused += 1;
      expect(valid, JSON.stringify(document)).to.equal(true);
      expect(() => Policy.parse(document)).to.throw(PolicyError, BEYOND_A_SCHEMA);
    }
    expect(refused).to.be.greaterThan(10);
  });
});
