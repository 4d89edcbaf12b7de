import { expect } from 'chai';
import {
  allow,
  allowWhen,
  arg,
  arg64,
  deny,
  denyPath,
  errno,
  pass,
  violation,
  when,
} from '../../broker/policy/bpf/dsl.js';
import { sequence } from '../../broker/policy/bpf/nodes.js';
import { printExpression } from '../../broker/policy/bpf/printer.js';

describe('words of a policy rule', () => {
  it('refuse arguments that a syscall does not have', () => {
    for (const index of [-1, 6, 1.5, Number.NaN]) expect(() => arg(index)).to.throw(RangeError, '0 to 5');
    expect(() => denyPath(6)).to.throw(RangeError, '0 to 5');
  });

  it('refuse errnos that the kernel would cut', () => {
    for (const number of [0, -1, 4096, 1.5]) {
      expect(() => errno(number)).to.throw(RangeError, '1 to 4095');
      expect(() => deny(number)).to.throw(RangeError, '1 to 4095');
    }
  });

  it('refuse values that do not fit the width, instead of cutting them', () => {
    expect(() => arg(0).eq(2 ** 32)).to.throw(RangeError, '32 bits');
    expect(() => arg(0).eq(-(2 ** 31) - 1)).to.throw(RangeError, '32 bits');
    expect(() => arg64(0).eq(2n ** 64n)).to.throw(RangeError, '64 bits');
    expect(() => arg64(0).eq(2 ** 60)).to.throw(RangeError, 'bigint');
    expect(() => arg(0).eq(0.5)).to.throw(RangeError, 'exact integer');
  });

  it('refuse comparisons that can never hold, or always do', () => {
    expect(() => arg(0).masked(6).eq(1)).to.throw(RangeError, 'outside the mask 0x6');
    expect(() => arg(0).masked(0)).to.throw(RangeError, 'no bits');
    expect(() => arg(0).masked(6).masked(1)).to.throw(RangeError, 'no bits');
    expect(() => arg(0).in()).to.throw(RangeError, 'no value');
  });

  it('take the first case that holds, and pass on what none meets', () => {
    const rule = when(arg(0).eq(1), allow()).when(arg(0).eq(2), errno(1)).otherwise(pass());
    expect(printExpression(rule)).to.equal('if arg0 == 1 then allow else if arg0 == 2 then errno EPERM else next rule');
    expect(printExpression(sequence(rule, violation()))).to.equal(
      'if arg0 == 1 then allow else if arg0 == 2 then errno EPERM else violation',
    );
  });

  it('leave a case list as it was when more is added to it', () => {
    const first = when(arg(0).eq(1), allow());
    first.when(arg(0).eq(2), allow());
    expect(printExpression(first.otherwise(pass()))).to.equal('if arg0 == 1 then allow else next rule');
  });

  it('fill every gap of a rule with the next one', () => {
    const rule = sequence(allowWhen(arg(0).eq(1)), sequence(allowWhen(arg64(1).in(2, 0x30)), denyPath(1)));
    expect(printExpression(rule)).to.equal(
      'if arg0 == 1 then allow else if arg64 1 in {2, 0x30} then allow else denial ENOENT (path in arg1)',
    );
  });
});
