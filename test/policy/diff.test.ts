import { expect } from 'chai';
import fc from 'fast-check';
import { allow, allowWhen, any, arg, errno, not, when } from '../../broker/policy/bpf/dsl.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64 } from '../../broker/policy/syscalls/index.js';
import { argumentLists, randomPolicies, SOME_SYSCALLS } from './arbitraries.js';
import { ask, X64 } from './filters.js';

const node = policies.node({ arch: X64 });
const empty = (): PolicyBuilder => new PolicyBuilder({ arch: X64 });

describe('diff()', () => {
  it('is empty where both do the same, in whatever words', () => {
    const first = empty()
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).in(2, 3)))
      .build();
    const second = empty()
      .addPolicyOnSyscall('fcntl', when(not(any(arg(1).eq(3), arg(1).eq(2))), errno(1)).otherwise(allow()))
      .build();
    expect(first.diff(first).isEmpty).to.equal(true);
    expect(first.diff(first).toString()).to.equal("'custom' and 'custom' do the same");
    const same = empty()
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).masked(~1).eq(2)))
      .build();
    expect(first.diff(same).syscalls).to.deep.equal([]);
    expect(first.diff(second).isEmpty).to.equal(false);
  });

  it('tells what is allowed more and less, with a call that shows it', () => {
    const after = node
      .named('mine')
      .blockSyscallWithErrno('uname', 'EPERM')
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).eq(1032)))
      .allowSyscall('umask')
      .onPathDenial('kill');
    const diff = node.build().diff(after.build());
    expect(diff.toString().split('\n')).to.deep.equal([
      "'node' → 'mine'",
      '~ onPathDenial: report → kill',
      '- uname: allow → errno EPERM',
      '+ fcntl(0, F_GETPIPE_SZ, 0x0): violation → allow',
      '+ umask: violation → allow',
    ]);
    expect(diff.syscalls.map(({ syscall, allowsMore, allowsLess }) => [syscall, allowsMore, allowsLess])).to.deep.equal(
      [
        ['uname', false, true],
        ['fcntl', true, false],
        ['umask', true, false],
      ],
    );
  });

  it('tells other refusals, and changes in both directions', () => {
    const before = empty()
      .blockSyscallWithErrno('uname', 'EPERM')
      .addPolicyOnSyscall('umask', allowWhen(arg(0).eq(1)));
    const after = empty()
      .blockSyscallWithErrno('uname', 'ENOSYS')
      .addPolicyOnSyscall('umask', allowWhen(arg(0).eq(2)));
    expect(before.build().diff(after.build()).toString().split('\n').slice(1)).to.deep.equal([
      '~ uname: errno EPERM → errno ENOSYS',
      '± umask(0x2, 0x0, 0x0, 0x0, 0x0, 0x0): violation → allow',
    ]);
  });

  it('of policies for different architectures is that, and no more', () => {
    const arm = new PolicyBuilder({ arch: AUDIT_ARCH_AARCH64 }).build();
    expect(empty().build().diff(arm).settings).to.deep.equal([{ setting: 'arch', before: 'x86_64', after: 'aarch64' }]);
  });

  it('names every syscall whose calls go another way, and shows no other', () => {
    const calls = fc.array(fc.tuple(fc.constantFrom(...SOME_SYSCALLS), argumentLists), {
      minLength: 20,
      maxLength: 20,
    });
    fc.assert(
      fc.property(randomPolicies, randomPolicies, calls, (a, b, list) => {
        const diff = a.diff(b);
        const changed = new Map(diff.syscalls.map((change) => [change.syscall, change]));
        for (const [name, args] of list) {
          const [before, after] = [a, b].map((policy) => ask(policy.compile().program, name, args).kind === 'allow');
          if (after && !before) expect(changed.get(name)?.allowsMore, name).to.equal(true);
          if (before && !after) expect(changed.get(name)?.allowsLess, name).to.equal(true);
        }
        expect(
          a
            .intersect(b)
            .diff(a)
            .syscalls.filter(({ allowsLess }) => allowsLess),
        ).to.deep.equal([]);
      }),
      { numRuns: 40 },
    );
  });
});
