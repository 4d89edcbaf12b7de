import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { allowWhen, arg, deny, errno, violation, when } from '../../broker/policy/bpf/dsl.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { PolicyError } from '../../broker/policy/errors.js';
import type { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { isSyscallName, type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowExecutableMemory } from '../../broker/policy/tokens.js';
import { Vocabulary } from '../../broker/policy/vocabulary.js';
import { ALLOW, ask, errnoVerdict, NOTIFY, problemsOf, X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ name: 'test', arch: X64 });

function verdictsOf(policy: Policy) {
  const { program } = policy.compile();
  return (name: SyscallName, ...args: (number | bigint)[]) => ask(program, name, args);
}

const ARGUMENTS: Readonly<Record<string, unknown>> = {
  allowFutexOp: 0,
  allowRestartableSequences: 'slow',
  allowMmap: dangerouslyAllowExecutableMemory,
  allowMprotect: dangerouslyAllowExecutableMemory,
  allowPkeyMprotect: dangerouslyAllowExecutableMemory,
  allowDynamicStartup: dangerouslyAllowExecutableMemory,
};

describe('PolicyBuilder', () => {
  it('starts with nothing: all is a violation', () => {
    const say = verdictsOf(empty().build());
    expect([say('read'), say('exit_group'), say('execve')]).to.deep.equal([NOTIFY, NOTIFY, NOTIFY]);
  });

  it('is immutable: a builder that was used makes the same policy as before', () => {
    const base = empty().allowRead();
    const before = base.build().toString();
    base.allowWrite().blockSyscallWithErrno('uname', 'EPERM').onPathDenial('kill').named('other');
    expect(base.build().toString()).to.equal(before);
    expect(policies.node().build().toString()).to.equal(policies.node().build().toString());
  });

  it('is not changed by its caller through a list that it was given', () => {
    const syscalls: SyscallName[] = ['uname'];
    const builder = empty().blockSyscallsWithErrno(syscalls, 'EPERM');
    syscalls.push('read');
    expect(verdictsOf(builder.build())('read')).to.deep.equal(NOTIFY);
  });

  it('compiles a policy once', () => {
    const policy = empty().allowRead().build();
    expect(policy.compile()).to.equal(policy.compile());
  });

  it('adds rules for one syscall up, the first that decides first', () => {
    const say = verdictsOf(
      empty()
        .addPolicyOnSyscall('fcntl', when(arg(1).eq(1), errno(1)).otherwise(allowWhen(arg(1).eq(2))))
        .addPolicyOnSyscall('fcntl', allowWhen(arg(1).in(1, 3)))
        .build(),
    );
    expect(say('fcntl', 0, 1)).to.deep.equal(errnoVerdict(1));
    expect(say('fcntl', 0, 2)).to.deep.equal(ALLOW);
    expect(say('fcntl', 0, 3)).to.deep.equal(ALLOW);
    expect(say('fcntl', 0, 5)).to.deep.equal(NOTIFY);
  });

  it('asks the rules of the author before those of the preset', () => {
    const say = verdictsOf(policies.node({ arch: X64 }).blockSyscallWithErrno('uname', 'EPERM').build());
    expect(say('uname')).to.deep.equal(errnoVerdict(1));
    expect(say('read')).to.deep.equal(ALLOW);
  });

  describe('refuses to build', () => {
    it('with all problems at once, each with the call that caused it', () => {
      const builder = empty()
        .allowSyscall('ptrace')
        .allowRead()
        .allowSyscalls('getpid', 'bpf', 'io_uring_setup')
        .addPolicyOnSyscall('mount', allowWhen(arg(0).eq(1)))
        .denyPathSyscalls('openat', 'read')
        .allowSyscalls();
      const error = ((): unknown => {
        try {
          return builder.build();
        } catch (thrown) {
          return thrown;
        }
      })();
      if (!(error instanceof PolicyError)) throw new Error('it built');
      expect(error.code).to.equal('ERR_SALLYPORT_POLICY');
      expect(error.problems.map(({ call }) => call)).to.deep.equal([
        "allowSyscall('ptrace')",
        "allowSyscalls('getpid', 'bpf', 'io_uring_setup')",
        "allowSyscalls('getpid', 'bpf', 'io_uring_setup')",
        "addPolicyOnSyscall('mount')",
        "denyPathSyscalls('openat', 'read')",
        'allowSyscalls()',
      ]);
      expect(error.message)
        .to.include("policy 'test' has 6 problems:")
        .and.include('operations on a ring bypass seccomp');
    });

    it('names that no kernel has, and errnos that do not exist, from callers without types', () => {
      const name: string = 'opne';
      const error: string = 'ENOPE';
      expect(problemsOf(empty().allowSyscall(name as SyscallName)).map(({ message }) => message)).to.deep.equal([
        "no kernel up to 6.18 has a syscall 'opne' on x64 or arm64",
      ]);
      expect(problemsOf(empty().blockSyscallWithErrno('uname', error as 'EPERM'))).to.deep.equal([
        { call: "blockSyscallWithErrno('uname', 'ENOPE')", message: "there is no errno 'ENOPE'" },
      ]);
    });

    it('a rule that can never be reached', () => {
      const problems = problemsOf(empty().allowSyscall('uname').blockSyscallWithErrno('uname', 'EPERM'));
      expect(problems).to.have.lengthOf(1);
      expect(problems[0]?.call).to.equal("blockSyscallWithErrno('uname', 'EPERM')");
      expect(problems[0]?.message).to.include("allowSyscall('uname') already decides every uname (allow)");
    });

    it('two answers of the monitor for one syscall', () => {
      const rule = when(arg(0).eq(1), deny(1)).otherwise(violation());
      const problems = problemsOf(empty().addPolicyOnSyscall('uname', rule));
      expect(problems[0]?.call).to.equal("addPolicyOnSyscall('uname')");
      expect(problems[0]?.message).to.include('more than one answer');
    });
  });

  it('takes what says the same twice', () => {
    expect(problemsOf(empty().allowRead().allowRead())).to.deep.equal([]);
    expect(problemsOf(empty().allowSyscall('mmap').allowSystemMalloc())).to.deep.equal([]);
    expect(problemsOf(empty().allowEpollWait().allowEpoll())).to.deep.equal([]);
  });

  it('makes no larger program of what says the same twice', () => {
    const once = empty().allowRead().allowStat().allowSystemMalloc();
    const twice = once.allowSystemMalloc().allowStat().allowRead();
    expect(twice.build().compile().program).to.deep.equal(once.build().compile().program);
  });

  it('builds as often as it is asked, and what goes on from one builder goes on apart', () => {
    const base = empty().allowRead();
    const [first, second] = [base.allowWrite(), base.blockSyscallWithErrno('write', 'EPERM')];
    const verdicts = [first, second, first, base].map((builder) => verdictsOf(builder.build())('write'));
    expect(verdicts).to.deep.equal([ALLOW, errnoVerdict(1), ALLOW, NOTIFY]);
  });

  it('lets a refused syscall have an errno, and nothing else', () => {
    const say = verdictsOf(empty().blockSyscallWithErrno('ptrace', 'EPERM').build());
    expect(say('ptrace')).to.deep.equal(errnoVerdict(1));
  });

  it('does not let a refused syscall be allowed in any combination with its errno', () => {
    for (const name of ['ptrace', 'bpf'] as const) {
      const blocked = empty().blockSyscallWithErrno(name, 'EPERM');
      for (const builder of [
        blocked.allowSyscall(name),
        empty().allowSyscall(name).blockSyscallWithErrno(name, 'EPERM'),
        blocked.addPolicyOnSyscall(name, allowWhen(arg(0).eq(0))),
      ]) {
        expect(
          problemsOf(builder)
            .map(({ message }) => message)
            .join(),
        ).to.include(`${name} is refused by every policy`);
      }
    }
  });

  it('keeps refused arguments of a syscall refused, whatever allows it', () => {
    const say = verdictsOf(
      empty().allowSyscalls('fcntl', 'ioctl', 'clone', 'prctl', 'socket', 'close', 'dup2').build(),
    );
    expect(say('fcntl', 0, 4, 0x800)).to.deep.equal(ALLOW);
    expect(say('fcntl', 0, 8, 1)).to.deep.equal(NOTIFY);
    expect(say('fcntl', 0, 4, 0x2800)).to.deep.equal(NOTIFY);
    expect(say('ioctl', 0, 0x1_0000_5412n)).to.deep.equal(NOTIFY);
    expect(say('clone', 0x10000000)).to.deep.equal(NOTIFY);
    expect(say('prctl', 4, 1)).to.deep.equal(NOTIFY);
    expect(say('socket', 40, 1, 0)).to.deep.equal(NOTIFY);
    expect(say('socket', 2, 1, 0)).to.deep.equal(ALLOW);
    expect(say('close', 3)).to.deep.equal(NOTIFY);
    expect(say('dup2', 1, 3)).to.deep.equal(NOTIFY);
    expect(say('dup2', 3, 9)).to.deep.equal(ALLOW);
  });

  it('passes over syscalls that an architecture does not have', () => {
    const policy = new PolicyBuilder({ arch: 0xc00000b7 }).allowOpen().build();
    expect(policy.toString())
      .to.match(/ openat: allow\n/)
      .and.not.match(/ open: | creat: /);
  });

  it('tells whether the kernel resolves a path under the policy', () => {
    expect(empty().allowRead().denyPathSyscalls('openat').build().resolvesPaths).to.equal(false);
    expect(empty().allowOpen().build().resolvesPaths).to.equal(true);
    expect(
      empty()
        .addPolicyOnSyscall('statx', allowWhen(arg(2).eq(0)))
        .build().resolvesPaths,
    ).to.equal(true);
  });

  it('denies paths natively, with the argument that is one', () => {
    const { answers, pathArguments } = empty().denyPathSyscalls('openat', 'stat', 'symlinkat').build().compile();
    const number = (name: SyscallName): number => syscallTable(X64).number(name) ?? -1;
    expect(answers[number('openat')]).to.equal(2 | 0x10000 | (1 << 20));
    expect(answers[number('stat')]).to.equal(2 | 0x10000);
    expect(answers[number('symlinkat')]).to.equal(2 | 0x10000 | (2 << 20));
    expect(answers[number('execve')]).to.equal(-1);
    expect(pathArguments[number('execve')]).to.equal(0);
    expect(pathArguments[number('read')]).to.equal(-1);
  });

  describe('says in its docstrings what each word allows', () => {
    const declarations = ['vocabulary', 'builder'].map((file) =>
      readFileSync(new URL(`../../broker/policy/${file}.d.ts`, import.meta.url), 'utf8'),
    );
    const documented = [...declarations.join('').matchAll(/\/\*\*\s+(?:\* )?Allows ([^/]*?)\*\/\s+(allow\w+)\(/g)];
    const words = new PolicyBuilder({ arch: X64 });

    it('for every word but those that name syscalls themselves', () => {
      const prototypes = [PolicyBuilder.prototype, Vocabulary.prototype];
      const methods = prototypes.flatMap(Object.getOwnPropertyNames).filter((name) => name.startsWith('allow'));
      expect(documented.map(([, , method]) => method)).to.have.members(
        methods.filter((name) => name !== 'allowSyscall' && name !== 'allowSyscalls'),
      );
    });

    for (const [, text = '', method = ''] of documented) {
      it(method, () => {
        const named = [...text.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
        expect(named.every(isSyscallName), named.join(' ')).to.equal(true);
        const word: unknown = Reflect.get(words, method);
        if (typeof word !== 'function') throw new Error(`there is no ${method}`);
        const builder: unknown = word.call(words, ARGUMENTS[method]);
        if (!(builder instanceof PolicyBuilder)) throw new Error(`${method} makes no builder`);
        const policy = builder.build();
        const allowed = [...syscallTable(X64).names()].filter((name) => policy.toString().includes(`\n  ${name}: `));
        const always = ['clone3', 'openat2', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'];
        expect(allowed.filter((name) => !always.includes(name))).to.have.members(named);
      });
    }
  });
});
