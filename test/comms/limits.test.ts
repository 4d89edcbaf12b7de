import { expect } from 'chai';
import { InvalidArgument } from '../../protocols/errors.js';
import { defaultLimits, resolveLimits } from '../../protocols/limits.js';
import { Queue } from '../../protocols/queue.js';
import { thrown } from './support.js';

describe('channel limits', () => {
  it('are finite by default, and overridden one by one', () => {
    expect(resolveLimits()).to.deep.equal(defaultLimits);
    const limits = resolveLimits({ maxMessage: 5, value: { depth: 3 } });
    expect([limits.maxMessage, limits.slab, limits.value.depth, limits.value.keys]).to.deep.equal([
      5,
      defaultLimits.slab,
      3,
      defaultLimits.value.keys,
    ]);
  });

  it('refuse what is no limit and what is no count', () => {
    const unknown: object = { maxMesage: 5 };
    expect(String(thrown(() => resolveLimits(unknown)))).to.contain('limits.maxMesage is not a limit');
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect(thrown(() => resolveLimits({ slab: value }))).to.be.instanceOf(InvalidArgument);
      expect(thrown(() => resolveLimits({ value: { nodes: value } }))).to.be.instanceOf(InvalidArgument);
    }
  });
});

describe('the queue', () => {
  it('is first in, first out, through growing and shrinking', () => {
    const queue = new Queue<number>();
    let pushed = 0;
    let shifted = 0;
    for (const [push, shift] of [
      [3, 2],
      [20, 5],
      [100, 116],
      [1, 1],
      [9, 0],
    ] as const) {
      for (let count = 0; count < push; count++) queue.push(pushed++);
      for (let count = 0; count < shift; count++) expect(queue.shift()).to.equal(shifted++);
      expect(queue.length).to.equal(pushed - shifted);
    }
    expect(queue.drain()).to.deep.equal(Array.from({ length: 9 }, (_, index) => shifted + index));
    expect([queue.length, queue.shift()]).to.deep.equal([0, undefined]);
  });

  it('removes one from the middle', () => {
    const queue = new Queue<string>();
    for (const each of 'abcd') queue.push(each);
    queue.shift();
    queue.remove('c');
    queue.remove('x');
    queue.push('e');
    expect(queue.drain()).to.deep.equal(['b', 'd', 'e']);
  });
});
