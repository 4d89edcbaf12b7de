import { expect } from 'chai';
import {
  allow,
  allowWhen,
  arg,
  deny,
  denyPath,
  errno,
  killProcess,
  match,
  pass,
  violation,
  when,
} from '../../broker/policy/bpf/dsl.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { policies } from '../../broker/policy/presets.js';
import { type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls, dangerouslyAllowExecutableMemory, TOKENS } from '../../broker/policy/tokens.js';
import { ALLOW, ask, errnoVerdict, KILL, NOTIFY, problemsOf, X64 } from './filters.js';

const empty = (): PolicyBuilder => new PolicyBuilder({ name: 'test', arch: X64 });

const say = (builder: PolicyBuilder, name: SyscallName, ...args: (number | bigint)[]) =>
  ask(builder.build().compile().program, name, args);

describe('tokens', () => {
  it('say in their names and in a sentence what they are the danger of', () => {
    for (const [name, { token, danger }] of Object.entries(TOKENS)) {
      expect(name).to.match(/^dangerously/);
      expect(token.description).to.equal(name);
      expect(danger).to.match(/\w{3} \w/);
    }
  });

  describe('dangerouslyAllowExecutableMemory', () => {
    it('is what any rule needs that reaches executable memory', () => {
      const everything = empty().allowSyscalls('mmap', 'mprotect', 'pkey_mprotect', 'shmat');
      for (const name of ['mmap', 'mprotect', 'pkey_mprotect'] as const) {
        expect(say(everything, name, 0, 4096, 3, 0x22), name).to.deep.equal(ALLOW);
        for (const protection of [4, 5, 7]) {
          expect(say(everything, name, 0, 4096, protection, 0x22), name).to.deep.equal(NOTIFY);
        }
      }
      expect(say(everything, 'shmat', 0, 0, 0x1000)).to.deep.equal(ALLOW);
      expect(say(everything, 'shmat', 0, 0, 0x8000)).to.deep.equal(NOTIFY);
    });

    it('lets the words that end in no WithoutExec, and rules that carry it, reach that memory', () => {
      const token: typeof dangerouslyAllowExecutableMemory = dangerouslyAllowExecutableMemory;
      const words = empty().allowMmap(token).allowMprotect(token).allowPkeyMprotect(token);
      for (const name of ['mmap', 'mprotect', 'pkey_mprotect'] as const) {
        expect(say(words, name, 0, 4096, 7)).to.deep.equal(ALLOW);
      }
      expect(say(empty().addPolicyOnMmap(allowWhen(arg(2).eq(5)), token), 'mmap', 0, 0, 5)).to.deep.equal(ALLOW);
    });

    it('is asked for where a rule allows nothing else', () => {
      const [problem] = problemsOf(empty().addPolicyOnMmap(allowWhen(arg(2).eq(5))));
      expect(problem?.call).to.equal('addPolicyOnMmap()');
      expect(problem?.message).to.include('takes the token dangerouslyAllowExecutableMemory');
      const none: unknown = undefined;
      const word = empty().allowMmap(none as typeof dangerouslyAllowExecutableMemory);
      expect(problemsOf(word)[0]?.message).to.include('the word that ends in WithoutExec');
    });

    it('costs a rule nothing that does not go near executable memory', () => {
      const rule = allowWhen(arg(2).eq(3));
      expect(empty().addPolicyOnMmap(rule).build().toString()).to.include(
        '  mmap: if arg2 == 3 then allow else violation',
      );
    });

    it('leaves refusals of executable memory to the rules that make them', () => {
      const blocked = empty().addPolicyOnMmap(when(arg(2).hasAny(4), errno(13)).otherwise(allow()));
      expect(say(blocked, 'mmap', 0, 0, 4)).to.deep.equal(errnoVerdict(13));
    });

    it('is not needed for the code of V8, which policies.node() is for', () => {
      const builder = policies.node({ arch: X64 }).allowSyscall('mprotect');
      expect(say(builder, 'mprotect', 0, 0, 5)).to.deep.equal(ALLOW);
      expect(say(policies.nodeJitless({ arch: X64 }).allowSyscall('mprotect'), 'mprotect', 0, 0, 5)).to.deep.equal(
        NOTIFY,
      );
    });
  });

  describe('dangerouslyAllowAllSyscalls', () => {
    const everything = empty().blockSyscallWithErrno('uname', 'EPERM').defaultAction(dangerouslyAllowAllSyscalls);

    it('allows every syscall that no rule mentions', () => {
      for (const name of ['read', 'execve', 'socket', 'getpid'] as const) {
        expect(say(everything, name, 2)).to.deep.equal(ALLOW);
      }
      expect(say(everything, 'uname')).to.deep.equal(errnoVerdict(1));
      expect(everything.build().resolvesPaths).to.equal(true);
    });

    it('leaves what every policy refuses, executable memory, and the numbers that nobody knows', () => {
      expect(say(everything, 'ptrace')).to.deep.equal(NOTIFY);
      expect(say(everything, 'bpf')).to.deep.equal(NOTIFY);
      expect(say(everything, 'io_uring_setup')).to.deep.equal(errnoVerdict(38));
      expect(say(everything, 'clone', 0x10000000)).to.deep.equal(NOTIFY);
      expect(say(everything, 'close', 3)).to.deep.equal(NOTIFY);
      expect(say(everything, 'mmap', 0, 4096, 7)).to.deep.equal(NOTIFY);
      const { program } = everything.build().compile();
      expect(verdict(program, { number: 400, architecture: X64 }), 'a gap of the table').to.deep.equal(NOTIFY);
      expect(verdict(program, { number: syscallTable(X64).highest + 1, architecture: X64 })).to.deep.equal(
        errnoVerdict(38),
      );
      expect(verdict(program, { number: 20, architecture: 0x40000003 }), 'i386').to.deep.equal(NOTIFY);
    });
  });
});

describe('the default action', () => {
  it('is a violation, an errno, a denial or the end', () => {
    const ends = { violation: violation(), errno: errno(13), deny: deny(13), kill: killProcess() };
    const seen = Object.values(ends).map((action) => say(empty().allowRead().defaultAction(action), 'uname'));
    expect(seen).to.deep.equal([NOTIFY, errnoVerdict(13), NOTIFY, KILL]);
    const { answers } = empty().defaultAction(deny(13)).build().compile();
    expect([answers[63], answers[400]]).to.deep.equal([13, -1]);
  });

  it('is what rules come to that leave a call to the next one', () => {
    const builder = empty()
      .addPolicyOnSyscall('fcntl', allowWhen(arg(1).eq(1)))
      .defaultAction(errno(1));
    expect(say(builder, 'fcntl', 0, 2)).to.deep.equal(errnoVerdict(1));
  });

  it('leaves libraries their way out: clone3 and openat2 stay ENOSYS', () => {
    for (const name of ['clone3', 'openat2', 'io_uring_setup'] as const) {
      expect(say(empty().defaultAction(errno(1)), name)).to.deep.equal(errnoVerdict(38));
    }
  });

  it('is never to allow, nor a path, without the token', () => {
    for (const action of [allow(), denyPath(0)]) {
      const [problem] = problemsOf(empty().defaultAction(action));
      expect(problem?.call).to.equal('defaultAction()');
      expect(problem?.message).to.include('takes the token dangerouslyAllowAllSyscalls');
    }
  });
});

describe('match()', () => {
  it('goes by the value of one argument', () => {
    const rule = match(arg(1)).case([1, 3], allow()).case(4, errno(1)).otherwise(pass());
    const builder = empty().addPolicyOnSyscall('uname', rule);
    expect([1, 3, 4, 5].map((value) => say(builder, 'uname', 0, value))).to.deep.equal([
      ALLOW,
      ALLOW,
      errnoVerdict(1),
      NOTIFY,
    ]);
  });
});

describe('a rule from a caller without types', () => {
  it('is refused where it is none, or half of one', () => {
    for (const wrong of [undefined, 'allow', {}, when(arg(0).eq(1), allow())] as unknown[]) {
      const [problem] = problemsOf(empty().addPolicyOnSyscall('uname', wrong as ReturnType<typeof allow>));
      expect(problem?.message).to.include('that is no rule');
    }
  });
});
