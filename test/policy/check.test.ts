import { expect } from 'chai';
import { all, allow, allowWhen, arg, errno, pass, when } from '../../broker/policy/bpf/dsl.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64 } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls, dangerouslyAllowExecutableMemory } from '../../broker/policy/tokens.js';
import { isPlainWord, PLAIN_WORDS } from '../../broker/policy/words.js';
import { X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ arch: X64 });

const findings = (builder: PolicyBuilder): readonly string[] =>
  builder
    .build()
    .check()
    .map(({ kind, call, message }) => `${kind}: ${call}: ${message}`);

describe('check()', () => {
  it('has nothing to say of the presets, and of rules that are meant', () => {
    expect(findings(policies.node())).to.deep.equal([]);
    expect(
      findings(
        policies
          .nodeJitless()
          .allowPipe()
          .addPolicyOnSyscall('fcntl', allowWhen(arg(1).eq(1032))),
      ),
    ).to.deep.equal([]);
    expect(findings(empty().allowReadlink().allowStaticStartup().allowTcMalloc().allowScudoMalloc())).to.deep.equal([]);
  });

  it('tells of dangerous grants, and where a rule on the arguments would do', () => {
    const risky = empty()
      .allowSyscall('execve')
      .allowSyscalls('ioctl', 'memfd_create')
      .addPolicyOnSyscall('sendmsg', allowWhen(arg(0).eq(3)))
      .blockSyscallWithErrno('socket', 'EACCES')
      .allowMprotect(dangerouslyAllowExecutableMemory)
      .defaultAction(dangerouslyAllowAllSyscalls);
    expect(findings(risky)).to.deep.equal([
      'dangerous: defaultAction(): every syscall that no rule mentions is allowed, those of kernels to come excepted',
      'dangerous: allowMprotect(): memory that is executable is what every exploit begins with',
      "dangerous: allowSyscall('execve'): execve runs any program that the sandboxee can reach, or has written",
      "dangerous: allowSyscalls('ioctl', 'memfd_create'): ioctl has a thousand commands for every driver; allow single requests",
      "dangerous: allowSyscalls('ioctl', 'memfd_create'): memfd_create makes memory that no resource limit counts",
    ]);
  });

  it('tells of rules whose conditions no call meets', () => {
    const never = empty().addPolicyOnSyscall(
      'fcntl',
      when(all(arg(1).eq(1), arg(1).eq(2)), allow()).otherwise(errno(1)),
    );
    expect(findings(never)).to.deep.equal([
      "unreachable: addPolicyOnSyscall('fcntl'): fcntl, allow: no call meets its conditions",
    ]);
  });

  it('tells of rules that allow only what every policy refuses', () => {
    expect(findings(empty().addPolicyOnSyscall('fcntl', allowWhen(arg(1).in(8, 10))))).to.deep.equal([
      "unreachable: addPolicyOnSyscall('fcntl'): every policy refuses such calls: has the kernel signal other processes: SIGKILL by fcntl",
    ]);
  });

  it('tells of rules that come too late, though conditions alone show it', () => {
    const shadowed = empty()
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).masked(~1).eq(2)))
      .addPolicyOnSyscall('fcntl', when(arg(1).eq(3), errno(1)).when(arg(1).eq(4), errno(2)).otherwise(pass()))
      .addPolicyOnMmap(allowWhen(arg(2).hasOnly(3)))
      .addPolicyOnMmap(allowWhen(arg(2).eq(1)));
    expect(findings(shadowed)).to.deep.equal([
      "shadowed: addPolicyOnSyscall('fcntl'): fcntl, errno EPERM: addPolicyOnSyscall('fcntl') before it decides every such call",
      'shadowed: addPolicyOnMmap(): addPolicyOnMmap() before it decides every such call',
    ]);
  });

  it('tells of syscalls that the architecture does not have', () => {
    const arm = new PolicyBuilder({ arch: AUDIT_ARCH_AARCH64 }).allowSyscall('fork').allowOpen();
    expect(findings(arm).filter((finding) => finding.startsWith('unreachable'))).to.deep.equal([
      "unreachable: allowSyscall('fork'): aarch64 has no syscall fork",
    ]);
  });

  it('names the path into a document, also of one within another', () => {
    const inner = { defaultAction: 'dangerouslyAllowAllSyscalls', rules: ['allowEpoll', 'allowEpoll'] };
    const policy = Policy.parse({ intersection: [{}, inner] });
    expect(policy.check().map(({ kind, call }) => [kind, call])).to.deep.equal([
      ['dangerous', '/intersection/1/defaultAction'],
      ['shadowed', '/intersection/1/rules/1'],
    ]);
  });

  it('finds each word alive when it is the only one', () => {
    for (const name of PLAIN_WORDS.filter(isPlainWord)) {
      const dead = Policy.parse({ arch: 'x64', rules: [name] })
        .check()
        .filter(({ kind }) => kind !== 'dangerous');
      expect(dead, name).to.deep.equal([]);
    }
  });
});
