import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  all,
  allow,
  allowWhen,
  any,
  arg,
  arg64,
  denyPath,
  errno,
  match,
  not,
  pass,
  when,
} from '../../broker/policy/bpf/dsl.js';
import { bpf } from '../../broker/policy/bpf/raw.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { Policy } from '../../broker/policy/policy.js';
import { policies } from '../../broker/policy/presets.js';
import { AUDIT_ARCH_AARCH64 } from '../../broker/policy/syscalls/index.js';
import { dangerouslyAllowAllSyscalls, dangerouslyAllowExecutableMemory } from '../../broker/policy/tokens.js';
import { randomPolicies, rules } from './arbitraries.js';
import { X64 } from './filters.js';

const sameProgram = (a: Policy, b: Policy): void => {
  const [first, second] = [a.compile(), b.compile()];
  expect(Buffer.from(second.program).equals(Buffer.from(first.program))).to.equal(true);
  expect({ ...second, program: undefined }).to.deep.equal({ ...first, program: undefined });
};

/** Every key and every form. */
const EVERYTHING: unknown = JSON.parse(
  readFileSync(new URL('../../../test/policy/fixtures/everything.json', import.meta.url), 'utf8'),
);

describe('a policy as a document', () => {
  it('comes back from parse() as it was, to the last key', () => {
    const policy = Policy.parse(EVERYTHING);
    expect(policy.toJSON()).to.deep.equal(EVERYTHING);
    expect(JSON.stringify(policy)).to.equal(JSON.stringify(EVERYTHING));
    sameProgram(policy, Policy.parse(JSON.stringify(policy)));
  });

  it('means what the builder means by the same words', () => {
    const builder = new PolicyBuilder({ arch: X64 })
      .allowRead()
      .allowSyscalls('uname', 'umask')
      .blockSyscallWithErrno('ptrace', 'EPERM')
      .addPolicyOnSyscall('fcntl', match(arg(1)).case([1, 3], allow()).case(4, errno(22)).otherwise(pass()))
      .onPathDenial('kill', ['/etc/*']);
    const document = `{
      "arch": "x64",
      "onPathDenial": "kill",
      "harmlessPaths": ["/etc/*"],
      "rules": [
        "allowRead",
        { "call": "allowSyscalls", "syscalls": ["uname", "umask"] },
        { "call": "blockSyscallWithErrno", "syscall": "ptrace", "errno": "EPERM" },
        {
          "call": "addPolicyOnSyscall",
          "syscall": "fcntl",
          "rule": {
            "when": { "arg": 1, "in": ["F_GETFD", "F_GETFL"] },
            "then": "allow",
            "otherwise": { "when": { "arg": 1, "eq": "F_SETFL" }, "then": { "errno": "EINVAL" } }
          }
        }
      ]
    }`;
    sameProgram(builder.build(), Policy.parse(document));
  });

  it('starts from a preset by its name', () => {
    sameProgram(policies.node().build(), Policy.parse({ preset: 'node' }));
    sameProgram(policies.nodeJitless().build(), Policy.parse('{ "preset": "nodeJitless" }'));
    sameProgram(policies.node({ onDenied: 'kill' }).build(), Policy.parse({ preset: 'node', onPathDenial: 'kill' }));
    expect(Policy.parse({ preset: 'node' }).name).to.equal('node');
    expect(policies.node().allowPipe().build().toJSON()).to.deep.equal({ preset: 'node', rules: ['allowPipe'] });
  });

  it('is nothing but violations where it says nothing, as a new builder is', () => {
    sameProgram(new PolicyBuilder().build(), Policy.parse({}));
  });

  it('is written by a builder in every word that there is', () => {
    const token: typeof dangerouslyAllowExecutableMemory = dangerouslyAllowExecutableMemory;
    const policy = new PolicyBuilder({ arch: AUDIT_ARCH_AARCH64 })
      .named('all')
      .allowSyscall('dup')
      .allowFutexOp(6)
      .allowRestartableSequences('fast')
      .allowDynamicStartup(token)
      .addPolicyOnSyscalls(['getpgid', 'getsid'], allowWhen(arg64(0).in(0, 2n ** 63n)))
      .addPolicyOnMmap(bpf('load arg2.low\nif A & 4 goto end\nreturn ALLOW\nend:'), token)
      .addPolicyOnSyscall('mknodat', denyPath(1, 13))
      .addPolicyOnSyscall('fcntl', when(all(not(arg(1).eq(1)), any()), allow()).otherwise(errno(600)))
      .denyPathSyscalls('linkat')
      .defaultAction(dangerouslyAllowAllSyscalls)
      .build();
    const written = policy.toJSON();
    expect(written).to.include({ name: 'all', arch: 'arm64', defaultAction: 'dangerouslyAllowAllSyscalls' });
    const again = Policy.parse(written);
    expect(again.arch).to.equal(AUDIT_ARCH_AARCH64);
    expect(again.toJSON()).to.deep.equal(written);
    sameProgram(policy, again);
  });

  it('round-trips whatever builders make', () => {
    fc.assert(
      fc.property(randomPolicies, (policy) => {
        const again = Policy.parse(JSON.stringify(policy));
        expect(again.toJSON()).to.deep.equal(policy.toJSON());
        sameProgram(policy, again);
      }),
      { numRuns: 150 },
    );
  });

  it('round-trips every rule to the same words', () => {
    fc.assert(
      fc.property(rules, (rule) => {
        const policy = new PolicyBuilder({ arch: X64 }).addPolicyOnSyscall('uname', rule).build();
        expect(Policy.parse(policy.toJSON()).toString()).to.equal(policy.toString());
      }),
      { numRuns: 500 },
    );
  });

  it('is not changed through what went in or came out', () => {
    const document = { rules: ['allowRead'] };
    const policy = Policy.parse(document);
    document.rules.push('allowWrite');
    const written = policy.toJSON();
    (written.rules as string[]).push('allowExit');
    expect(policy.toJSON()).to.deep.equal({ rules: ['allowRead'] });
  });

  it('is an intersection of documents, each for itself', () => {
    const policy = Policy.parse({ name: 'both', intersection: [{ preset: 'node' }, { rules: ['allowRead'] }] });
    expect(policy.toJSON()).to.deep.equal({
      name: 'both',
      intersection: [{ preset: 'node' }, { rules: ['allowRead'] }],
    });
    const intersected = policies.node().build().intersect(new PolicyBuilder().allowRead().build());
    sameProgram(policy, intersected);
    sameProgram(policy, Policy.parse(intersected.toJSON()));
  });

  it('is described by the published schema, which is what the package exports', () => {
    const root = new URL('../../../', import.meta.url);
    const { exports, files } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
    expect(exports['./policy.schema.json']).to.equal('./broker/policy/policy.schema.json');
    expect(files).to.include('broker/policy/policy.schema.json');
  });
});
