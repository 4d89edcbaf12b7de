import { expect } from 'chai';
import fc from 'fast-check';
import { all, any, arg, arg64, not } from '../../broker/policy/bpf/dsl.js';
import { ALL, contains, exampleOf, NONE, Regions, TooIntricate } from '../../broker/policy/bpf/regions.js';
import { argumentLists, conditions } from './arbitraries.js';
import { holds } from './evaluate.js';

describe('regions', () => {
  it('are the calls for which a condition holds, for thousands of them', () => {
    fc.assert(
      fc.property(conditions, fc.array(argumentLists, { minLength: 4, maxLength: 4 }), (condition, calls) => {
        const region = new Regions().of(condition);
        for (const args of calls) expect(contains(region, args)).to.equal(holds(condition, args));
      }),
      { numRuns: 2000 },
    );
  });

  it('have an example unless there is none, and it is one of them', () => {
    fc.assert(
      fc.property(conditions, (condition) => {
        const region = new Regions().of(condition);
        const example = exampleOf(region);
        expect(example === undefined).to.equal(region === NONE);
        if (example !== undefined) expect(holds(condition, example)).to.equal(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('are the same object where they are the same calls, however that is said', () => {
    const regions = new Regions();
    const two = regions.of(arg(1).in(2, 3));
    expect(regions.of(arg(1).masked(~1).eq(2))).to.equal(two);
    expect(regions.of(any(arg(1).eq(3), arg(1).eq(2)))).to.equal(two);
    expect(regions.of(not(not(arg(1).in(3, 2))))).to.equal(two);
    expect(regions.minus(two, two)).to.equal(NONE);
    expect(regions.or(two, regions.not(two))).to.equal(ALL);
    expect(regions.of(all())).to.equal(ALL);
    expect(regions.of(any())).to.equal(NONE);
  });

  it('tell a word from both words', () => {
    const regions = new Regions();
    const wide = regions.of(arg64(2).eq(7));
    const low = regions.of(arg(2).eq(7));
    expect(regions.and(wide, low)).to.equal(wide);
    expect(exampleOf(regions.minus(low, wide))).to.deep.equal([0n, 0n, 0x1_0000_0007n, 0n, 0n, 0n]);
  });

  it('give up rather than take for ever', () => {
    const odd = Array.from({ length: 40_000 }, (_, index) => BigInt(index * index) * 0x9e37_79b9n);
    const regions = new Regions();
    expect(() => regions.of(arg64(0).in(...odd))).to.throw(TooIntricate, 'too intricate');
  });
});
