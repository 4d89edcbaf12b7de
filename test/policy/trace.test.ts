import { expect } from 'chai';
import fc from 'fast-check';
import { ANSWER_BY_FILTER, ANSWER_VIOLATION } from '../../broker/policy/answers.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { allow, arg, deny, errno, pass, trace, violation, when } from '../../broker/policy/bpf/dsl.js';
import { verdict } from '../../broker/policy/bpf/simulator.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { stage0Program } from '../../broker/policy/stages.js';
import { type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyPermitAllAndLog,
  type ExecutableMemory,
  traceAllSyscalls,
} from '../../broker/policy/tokens.js';
import { longs } from './arbitraries.js';
import { ALLOW, ask, NOTIFY, problemsOf, X64 } from './filters.js';

const TRACE = { kind: 'trace' };
const PERMIT = { kind: 'permit' };
const COMMS = 3;

const empty = (): PolicyBuilder => new PolicyBuilder({ name: 'test', arch: X64 });
const say = (policy: Policy, name: SyscallName, ...args: (number | bigint)[]) =>
  ask(policy.compile().program, name, args);
const numberOf = (name: SyscallName): number => syscallTable(X64).number(name) ?? -1;

const everyCall = fc.record({
  number: fc.constantFrom(...[...syscallTable(X64).names()].map(numberOf)),
  args: fc.array(fc.oneof(longs, fc.bigInt(0n, 0xffn), fc.bigInt(0n, 0xffff_ffffn)), { minLength: 6, maxLength: 6 }),
});

describe('traceSyscall()', () => {
  it('leaves a syscall to the hook, and takes no other with it', () => {
    const policy = empty().traceSyscall('personality').traceSyscalls('umask', 'getpriority').build();
    for (const name of ['personality', 'umask', 'getpriority'] as const) expect(say(policy, name)).to.deep.equal(TRACE);
    expect(say(policy, 'uname')).to.deep.equal(NOTIFY);
    expect(policy.traces).to.equal(true);
    expect(empty().allowRead().build().traces).to.equal(false);
  });

  it('is an error for what every policy refuses', () => {
    for (const name of ['ptrace', 'bpf', 'mount', 'clone3', 'io_uring_setup'] as const) {
      const [problem] = problemsOf(empty().traceSyscall(name));
      expect(problem?.call).to.equal(`traceSyscall('${name}')`);
      expect(problem?.message).to.include('is refused by every policy');
    }
  });

  it('never reaches arguments that every policy refuses: these are violations', () => {
    const policy = empty().traceSyscalls('personality', 'fcntl', 'clone', 'close', 'prctl').build();
    expect(say(policy, 'personality', 0x0400000)).to.deep.equal(NOTIFY);
    expect(say(policy, 'fcntl', 0, 8)).to.deep.equal(NOTIFY);
    expect(say(policy, 'fcntl', 0, 1)).to.deep.equal(TRACE);
    expect(say(policy, 'clone', 0x10000000)).to.deep.equal(NOTIFY);
    expect(say(policy, 'close', COMMS)).to.deep.equal(NOTIFY);
    expect(policy.compile().answers[numberOf('fcntl')]).to.equal(ANSWER_BY_FILTER);
  });

  it('does not reach executable memory without the token', () => {
    expect(say(empty().traceSyscall('mprotect').build(), 'mprotect', 0, 4096, 3)).to.deep.equal(TRACE);
    expect(say(empty().traceSyscall('mprotect').build(), 'mprotect', 0, 4096, 7)).to.deep.equal(NOTIFY);
    const withToken = empty().addPolicyOnSyscall('mprotect', trace(), dangerouslyAllowExecutableMemory).build();
    expect(say(withToken, 'mprotect', 0, 4096, 7)).to.deep.equal(TRACE);
  });

  it('comes before a preset, and before a denial of the same syscall', () => {
    const policy = policies
      .node({ arch: X64 })
      .addPolicyOnSyscall('openat', when(arg(2).eq(0), trace()).otherwise(pass()))
      .build();
    expect(say(policy, 'openat', 0, 0, 0)).to.deep.equal(TRACE);
    expect(say(policy, 'openat', 0, 0, 1)).to.deep.equal(NOTIFY);
    const denied = policies.node({ arch: X64 }).build().compile().answers[numberOf('openat')] ?? 0;
    expect(policy.compile().answers[numberOf('openat')]).to.equal(denied | ANSWER_BY_FILTER);
    expect(policy.resolvesPaths, 'what the hook allows, the kernel resolves').to.equal(true);
  });
});

describe('defaultAction(traceAllSyscalls)', () => {
  const traced = empty().defaultAction(traceAllSyscalls).build();
  const allowed = empty().defaultAction(dangerouslyAllowAllSyscalls).build();

  it('traces exactly what could be allowed, but for the message that brings the listener', () => {
    fc.assert(
      fc.property(everyCall, ({ number, args }) => {
        const data = { number, architecture: X64, args };
        const seen = verdict(traced.compile().program, data);
        const open = verdict(allowed.compile().program, data);
        if (open.kind !== 'allow') expect(seen).to.deep.equal(open);
        else if (number === numberOf('sendmsg')) expect(['allow', 'trace']).to.include(seen.kind);
        else expect(seen).to.deep.equal(TRACE);
        if (seen.kind === 'trace') expect(verdict(stage0Program(X64), data)).to.deep.equal(ALLOW);
      }),
      { numRuns: 5000 },
    );
    expect(say(traced, 'sendmsg', COMMS, 0, 0x4000)).to.deep.equal(ALLOW);
    expect(say(traced, 'sendmsg', 5, 0, 0x4000)).to.deep.equal(TRACE);
  });

  it('leaves other architectures, x32 among them, violations', () => {
    const { program } = traced.compile();
    expect(verdict(program, { number: 1, architecture: 0x40000003 })).to.deep.equal(NOTIFY);
    expect(verdict(program, { number: 0x40000000 + 39, architecture: X64 })).to.deep.equal(NOTIFY);
  });
});

describe('defaultAction(dangerouslyPermitAllAndLog)', () => {
  const permitting = empty().defaultAction(dangerouslyPermitAllAndLog).build();
  const token: ExecutableMemory = dangerouslyAllowExecutableMemory;
  const widest = empty()
    .allowMmap(token)
    .allowMprotect(token)
    .allowPkeyMprotect(token)
    .addPolicyOnSyscall('shmat', allow(), token)
    .defaultAction(dangerouslyAllowAllSyscalls)
    .build();

  it('permits what is not always refused, and nothing else', () => {
    fc.assert(
      fc.property(everyCall, ({ number, args }) => {
        const data = { number, architecture: X64, args };
        const seen = verdict(permitting.compile().program, data);
        const open = verdict(widest.compile().program, data);
        if (open.kind !== 'allow') expect(seen).to.deep.equal(open);
        else expect(number === numberOf('sendmsg') ? 'permit' : seen.kind).to.equal('permit');
      }),
      { numRuns: 5000 },
    );
    expect(permitting.onlyLogs).to.equal(true);
    expect(widest.onlyLogs).to.equal(false);
  });

  it('is called dangerous, and told in words', () => {
    const [finding] = permitting.check();
    expect(finding).to.include({ kind: 'dangerous', call: 'defaultAction()' });
    expect(finding?.message).to.include('the filter only logs');
    expect(permitting.explain('getpid').toString()).to.include('permitted, and only reported');
    expect(permitting.explain('getpid').outcomes[0]?.effect).to.equal('permitted');
    expect(permitting.overview()).to.include('permitted, and only reported');
    expect(permitting.toString()).to.include('getpid: permit');
  });
});

describe('a traced syscall', () => {
  const policy = empty()
    .addPolicyOnSyscall('write', when(arg(0).eq(1), trace()).otherwise(errno(1)))
    .traceSyscall('umask')
    .build();

  it('has the same document, and is read from it', () => {
    const document = policy.toJSON();
    const rule = '{"when":{"arg":0,"eq":1},"then":"trace","otherwise":{"errno":"EPERM"}}';
    expect(JSON.stringify(document.rules)).to.equal(
      `[{"call":"addPolicyOnSyscall","syscall":"write","rule":${rule}},{"call":"traceSyscall","syscall":"umask"}]`,
    );
    expect(Buffer.from(Policy.parse(document).compile().program).equals(policy.compile().program)).to.equal(true);
    for (const name of ['traceAllSyscalls', 'dangerouslyPermitAllAndLog'] as const) {
      const said = { arch: 'x64', defaultAction: name, rules: [] };
      expect(Policy.parse(said).toJSON()).to.deep.equal(said);
      const token = name === 'traceAllSyscalls' ? traceAllSyscalls : dangerouslyPermitAllAndLog;
      expect(empty().defaultAction(token).build().toJSON()).to.include({ defaultAction: name });
    }
  });

  it('is told in words, and in the disassembly', () => {
    expect(policy.explain('umask').outcomes[0]).to.include({
      effect: 'traced',
      text: 'left to the trace hook of the app',
    });
    expect(policy.overview()).to.include('left to the trace hook of the app for some arguments');
    expect(disassemble(policy.compile().program)).to.include('return USER_NOTIF trace');
  });

  it('is a difference to one that is allowed, and to one that is refused', () => {
    const allowing = empty().allowSyscall('umask').build();
    const diff = allowing.diff(empty().traceSyscall('umask').build());
    expect(diff.toString()).to.include('umask: allow → trace');
    expect(diff.syscalls[0]).to.include({ allowsMore: false, allowsLess: true });
  });

  it('stays traced where another policy allows it, and is refused where one refuses', () => {
    const tracing = empty().traceSyscalls('umask', 'fcntl').build();
    const allowing = empty().allowSyscalls('umask', 'fcntl').build();
    const permitting = empty().defaultAction(dangerouslyPermitAllAndLog).build();
    for (const both of [tracing.intersect(allowing), allowing.intersect(tracing), tracing.intersect(permitting)]) {
      expect(say(both, 'umask')).to.deep.equal(TRACE);
      expect(say(both, 'fcntl', 0, 1)).to.deep.equal(TRACE);
      expect(say(both, 'fcntl', 0, 8)).to.deep.equal(NOTIFY);
    }
    expect(say(permitting.intersect(allowing), 'umask')).to.deep.equal(PERMIT);
    for (const other of [deny(1), errno(1), violation()]) {
      const refusing = empty().addPolicyOnSyscall('umask', other).build();
      const alone = say(refusing, 'umask');
      expect(say(tracing.intersect(refusing), 'umask')).to.deep.equal(alone);
      expect(tracing.intersect(refusing).compile().answers[numberOf('umask')]).to.equal(
        refusing.compile().answers[numberOf('umask')],
      );
    }
    expect(tracing.intersect(empty().build()).compile().answers[numberOf('umask')]).to.equal(ANSWER_VIOLATION);
  });

  it('is no default action by itself', () => {
    expect(problemsOf(empty().defaultAction(trace()))[0]?.message).to.include('traceAllSyscalls');
  });
});
