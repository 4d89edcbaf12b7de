import { expect } from 'chai';
import fc from 'fast-check';
import { allowWhen, arg } from '../../broker/policy/bpf/dsl.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { RequestError } from '../../broker/policy/errors.js';
import type { Effect } from '../../broker/policy/explain.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64, syscallTable } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls } from '../../broker/policy/tokens.js';
import { argumentLists, randomPolicies, SOME_SYSCALLS } from './arbitraries.js';
import { ask, X64 } from './filters.js';

const node = policies.node({ arch: X64 }).build();
const text = (policy: Policy, request: string): string => policy.explain(request).toString();
const effects = (policy: Policy, request: string): readonly Effect[] =>
  policy.explain(request).outcomes.map(({ effect }) => effect);

describe('explain()', () => {
  it('tells of one call what becomes of it, and why', () => {
    expect(text(node, 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)')).to.equal(
      [
        'openat(AT_FDCWD, "/etc/passwd", O_RDONLY, _)',
        '  refused with ENOENT, and reported as a denial',
        '    by policies.node(): no path is resolved',
      ].join('\n'),
    );
    expect(text(node, 'mmap prot=5')).to.equal(
      [
        'mmap(_, _, PROT_READ|PROT_EXEC, _, _, _)',
        '  a violation: it ends the sandboxee',
        '    by the default action: no rule decides it',
      ].join('\n'),
    );
    expect(text(node, 'ptrace')).to.include('refused by every policy: makes the syscalls of another process');
    expect(text(node, 'clone3')).to.include('refused with ENOSYS').and.include('libraries fall back to clone');
  });

  it('tells of a bare name every way in which its calls go, with arguments and constants by their names', () => {
    const policy = new PolicyBuilder({ arch: X64 })
      .addPolicyOnSyscall('mprotect', allowWhen(arg(2).hasOnly(3)))
      .build();
    expect(text(policy, 'mprotect')).to.equal(
      [
        'mprotect',
        '  where protection has nothing but PROT_READ|PROT_WRITE',
        '    allowed',
        "      by addPolicyOnSyscall('mprotect')",
        '  otherwise',
        '    a violation: it ends the sandboxee',
        '      by the default action: no rule decides it',
      ].join('\n'),
    );
  });

  it('leaves out what is known of a call already', () => {
    const policy = new PolicyBuilder({ arch: X64 }).allowSystemMalloc().build();
    const [first] = policy.explain('mmap prot=3 flags=MAP_PRIVATE|MAP_ANONYMOUS').outcomes;
    expect(first?.when).to.equal('fd is -1');
    expect(effects(policy, 'mmap prot=3 flags=MAP_PRIVATE|MAP_ANONYMOUS fd=-1')).to.deep.equal(['allowed']);
  });

  it('tells what a denied path leads to, if it is known', () => {
    const killing = policies.node({ arch: X64, onDenied: 'kill' }).build();
    expect(effects(killing, 'open("/etc/passwd")')).to.deep.equal(['violation']);
    expect(effects(killing, 'open("/etc/localtime")')).to.deep.equal(['errno']);
    expect(text(killing, 'open')).to.include('refused with ENOENT where the path is harmless, and else a violation');
    expect(text(node, 'open("/etc/localtime")')).to.include('the path is harmless, so nobody is told');
  });

  it('names the rule and the place in the document, and the line where it is told how to', () => {
    const policy = Policy.parse('{ "rules": ["allowPipe",\n { "call": "allowSyscall", "syscall": "dup" }] }');
    expect(text(policy, 'pipe')).to.include('by allowPipe() at /rules/0');
    const told = policy.explain('dup').toString((pointer) => (pointer === '/rules/1' ? 2 : undefined));
    expect(told).to.include("by allowSyscall('dup'), line 2");
    expect(policy.overview()).to.include("  rules:\n    allowPipe() at /rules/0\n    allowSyscall('dup') at /rules/1");
  });

  it('names the part of an intersection that is the stricter', () => {
    const everything = new PolicyBuilder({ arch: X64 }).named('wide').defaultAction(dangerouslyAllowAllSyscalls);
    const both = everything.build().intersect(node);
    expect(text(both, 'uname')).to.include('allowed');
    expect(text(both, 'socket domain=AF_INET')).to.include("by the default action of 'node': no rule mentions it");
  });

  it('says what the filter does, over random policies and calls', () => {
    const calls = fc.array(fc.tuple(fc.constantFrom(...SOME_SYSCALLS), argumentLists), {
      minLength: 12,
      maxLength: 12,
    });
    const kinds = {
      allowed: 'allow',
      errno: 'errno',
      denied: 'notify',
      violation: 'notify',
      killed: 'kill-process',
      traced: 'trace',
      permitted: 'permit',
    };
    fc.assert(
      fc.property(randomPolicies, randomPolicies, calls, (a, b, list) => {
        for (const policy of [a, a.intersect(b)]) {
          for (const [syscall, args] of list) {
            const { outcomes } = policy.explain({ syscall, args });
            expect(outcomes).to.have.lengthOf(1);
            const seen = ask(policy.compile().program, syscall, args).kind;
            expect(outcomes.map(({ effect }) => kinds[effect])).to.deep.equal([seen]);
            const whole = policy.explain({ syscall }).outcomes.map(({ effect }) => kinds[effect]);
            expect(whole).to.include(seen);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it('knows of syscalls that the architecture does not have', () => {
    const arm = new PolicyBuilder({ arch: AUDIT_ARCH_AARCH64 }).allowOpen().build();
    expect(text(arm, 'open')).to.include('no syscall of aarch64');
  });

  it('refuses requests that it cannot read, and says what there is', () => {
    const refused: readonly (readonly [string, string])[] = [
      ['opne', "no kernel up to 6.18 has a syscall 'opne'"],
      ['mmap size=3', "mmap has no argument 'size': it has address, length, protection, flags, fd, offset"],
      ['mmap prot', "'prot' is no argument: write name=value"],
      ['mmap prot=PROT_EXECUTE', '"PROT_EXECUTE" is no number and no constant'],
      ['read(1, 2, 3, 4, 5, 6, 7)', 'six arguments at most'],
      ['renameat f=3', "renameat has no argument 'f'"],
      ['', "no kernel up to 6.18 has a syscall ''"],
    ];
    for (const [request, problem] of refused) expect(() => node.explain(request)).to.throw(RequestError, problem);
  });

  it('reads calls with commas and quotes in paths, gaps, and arguments by number', () => {
    expect(node.explain('openat(_, "/a, \\"b\\"", 0)').request).to.equal('openat(_, "/a, \\"b\\"", O_RDONLY, _)');
    expect(node.explain('uname arg0=-1').request).to.equal('uname(0xffffffffffffffff)');
    expect(node.explain('open("/x", , 0644)').request).to.equal('open("/x", _, 0644)');
  });

  it('reads the path of a call as it shows it, control characters included', () => {
    const request = 'open("/a\\n\\u0000\\\\\\"", _, _)';
    expect(node.explain(request).request).to.equal(request);
  });

  it('takes no text for the path but that of the argument which is it', () => {
    expect(node.explain('rename("/from", "/to")').request).to.equal('rename("/from", _)');
    expect(node.explain('write(1, "/etc/localtime", 14)').request).to.equal('write(1, _, 14)');
    expect(node.explain('open path=7 path="/x"').request).to.equal('open("/x", _, _)');
    expect(node.explain('open path="/x" path=7').request).to.equal('open(0x7, _, _)');
  });
});

describe('overview()', () => {
  it('has every syscall of the table but those that nobody mentions, once', () => {
    const lines = node.overview().split('\n');
    expect(lines[0]).to.equal("policy 'node' for x86_64");
    const names = lines.filter((line) => line.startsWith('    ')).flatMap((line) => line.trim().split(/,? /));
    const listed = [...syscallTable(X64).names()].filter((name) => names.includes(name));
    expect(listed.length).to.be.greaterThan(150);
    for (const name of listed)
      expect(
        names.filter((each) => each === name),
        name,
      ).to.have.lengthOf(1);
    for (const line of lines) expect(line.length).to.be.at.most(100);
  });
});
