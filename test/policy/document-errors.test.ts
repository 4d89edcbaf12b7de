import { expect } from 'chai';
import fc from 'fast-check';
import { PolicyError } from '../../broker/policy/errors.js';
import { Policy } from '../../broker/policy/policy.js';

function problemsIn(document: unknown): readonly string[] {
  try {
    Policy.parse(document);
  } catch (error) {
    if (error instanceof PolicyError) return error.problems.map(({ call, message }) => `${call}: ${message}`);
    throw error;
  }
  return [];
}

/** The only problem of a document with this rule. */
function inRule(rule: string): string {
  const problems = problemsIn(`{ "rules": [{ "call": "addPolicyOnSyscall", "syscall": "uname", "rule": ${rule} }] }`);
  expect(problems).to.have.lengthOf(1);
  return problems[0] ?? '';
}

describe('what is wrong with a document', () => {
  it('is told with the path to it, and with what would be right, all at once', () => {
    const document = {
      nmae: 'pdf',
      preset: 'nodejitless',
      harmlessPaths: ['etc', '/a*b'],
      rules: [
        'allowRaed',
        'allowMmap',
        { call: 'allowSyscalls', syscalls: ['opne', 'read', 'PTRACE'] },
        { call: 'allowSyscal', syscall: 'read' },
        { call: 'blockSyscallWithErrno', syscall: 'uname', errno: 'EPERN' },
        { syscall: 'read' },
        { call: 'allowSyscall', syscall: 'read', syscalls: ['read'] },
        7,
      ],
    };
    const problems = problemsIn(document);
    const listed = problems.filter((problem) => !/^\/rules\/[35]/.test(problem));
    expect(listed).to.deep.equal([
      '/nmae: there is no such key; a policy has $schema, name, arch, preset, onPathDenial, harmlessPaths, defaultAction, rules',
      '/preset: "nodejitless" is not "node" or "nodeJitless" or "staticBinary" or "dynamicBinary" or "commandLine"; did you mean nodeJitless?',
      "/harmlessPaths/0: 'etc' is no absolute path, and no beginning of paths that ends with *",
      "/harmlessPaths/1: '/a*b' is no absolute path, and no beginning of paths that ends with *",
      '/rules/0: "allowRaed" is not a word without arguments such as "allowRead"; did you mean allowRead?',
      '/rules/1: "allowMmap" has arguments: write {"call": "allowMmap", …}',
      '/rules/2/syscalls/0: "opne" is not a syscall that x64 or arm64 has up to Linux 6.18; did you mean open?',
      '/rules/2/syscalls/2: "PTRACE" is not a syscall that x64 or arm64 has up to Linux 6.18; did you mean ptrace?',
      '/rules/4/errno: "EPERN" is not the name of an errno such as "EPERM"; did you mean EPERM?',
      '/rules/6/syscalls: there is no such key; allowSyscall has call, syscall',
      '/rules/7: 7 is not a word, or an object with the key "call"',
    ]);
    expect(problems.find((problem) => problem.startsWith('/rules/3/call: '))).to.include('did you mean allowSyscall?');
    expect(problems.find((problem) => problem.startsWith('/rules/5: '))).to.include('the key "call" is missing');
  });

  it('is what the builder would have said, at the place in the document', () => {
    const rules = [
      'allowPipe',
      { call: 'allowSyscalls', syscalls: ['getpid', 'ptrace'] },
      { call: 'denyPathSyscalls', syscalls: ['openat', 'read'] },
      { call: 'blockSyscallWithErrno', syscall: 'pipe', errno: 'EPERM' },
      { call: 'addPolicyOnMmap', rule: { bpf: ['load arg2.low', 'if A == 5 goto nowhere'] } },
    ];
    expect(problemsIn({ rules })).to.deep.equal([
      '/rules/1/syscalls/1: ptrace is refused by every policy (makes the syscalls of another process); blockSyscallWithErrno can choose its errno',
      '/rules/2/syscalls/1: read takes no path',
      "/rules/4/rule/bpf/1: line 2: it jumps out of bounds: there is no label 'nowhere'",
      '/rules/3: allowPipe() already decides every pipe (allow); put the narrower rule first',
    ]);
  });

  it('in rules is told to the comparison', () => {
    const path = '/rules/0/rule';
    expect(inRule('"alow"')).to.include(`${path}: "alow" is not "allow"`).and.include('did you mean allow?');
    expect(inRule('{ "when": { "arg": 6, "eq": 1 }, "then": "allow" }')).to.equal(
      `${path}/when/arg: 6 is not the index of an argument, 0 to 5`,
    );
    expect(inRule('{ "when": { "arg": 1 }, "then": "allow" }')).to.equal(
      `${path}/when: it compares by exactly one of eq, ne, in, hasNone, hasAny, hasOnly, not by 0`,
    );
    expect(inRule('{ "when": { "arg": 1, "eq": 1, "ne": 2 }, "then": "allow" }')).to.include('not by 2');
    expect(inRule('{ "when": { "arg": 1, "eq": 4294967296 }, "then": "allow" }')).to.equal(
      `${path}/when: arg(1): 4294967296 does not fit 32 bits`,
    );
    expect(inRule('{ "when": { "arg": 1, "masked": 6, "eq": 1 }, "then": "allow" }')).to.include(
      'outside the mask 0x6',
    );
    expect(inRule('{ "when": { "arg64": 1, "eq": 1e300 }, "then": "allow" }')).to.include('beyond 2^53');
    expect(inRule('{ "when": { "arg": 1, "in": [1, "F_GETFD|X"] }, "then": "allow" }')).to.include(
      `${path}/when/in/1: "X" is no number and no constant`,
    );
    expect(inRule('{ "when": { "all": [{ "not": [] }] }, "then": "allow" }')).to.include(`${path}/when/all/0/not: `);
    expect(inRule('{ "when": { "arg": 1, "eq": 1 } }')).to.include(`${path}: the key "then" is missing`);
    expect(inRule('{ "errno": 4096 }')).to.include(`${path}/errno: 4096 is not an errno`);
    expect(inRule('{ "bpf": [] }')).to.include(`${path}/bpf: an empty list is not`);
    expect(inRule('{ "bpf": ["next", 7] }')).to.include(`${path}/bpf/1: 7 is not a line`);
  });

  it('is no more than nesting, however deep', () => {
    const nested = (depth: number): string => `${'{"not":'.repeat(depth)}{"arg":0,"eq":1}${'}'.repeat(depth)}`;
    const rule = (depth: number): string => `{ "when": ${nested(depth)}, "then": "allow" }`;
    expect(problemsIn(`{ "rules": [{ "call": "addPolicyOnMmap", "rule": ${rule(50)} }] }`)).to.deep.equal([]);
    expect(inRule(rule(100))).to.include('nested deeper than 64');
    expect(inRule(rule(100_000))).to.include('nested deeper than 256');
    let value: unknown = {};
    for (let depth = 0; depth < 100_000; depth++) value = { intersection: [value, {}] };
    expect(problemsIn(value)[0]).to.include('nested deeper than 64');
  });

  it('is told in time, however long it is, on one line or on many', () => {
    for (const separator of [',', ',\n']) {
      const text = `[${Array.from({ length: 300_000 }, () => '1').join(separator)}]`;
      expect(() => Policy.parse(text)).to.throw(PolicyError, 'a list is not a policy');
    }
  });

  it('is a key that comes twice, which JSON.parse would pass over', () => {
    expect(problemsIn('{ "rules": [],\n  "rules": ["allowRead"] }')).to.deep.equal([
      '/: it is no JSON: line 2, column 3: the key "rules" is there twice',
    ]);
    expect(problemsIn('{ "rules": ["allowRead",] }')[0]).to.include('line 1, column 25: "]" is no JSON value');
  });

  it('is an intersection of one, of another architecture, or with words of its own', () => {
    expect(problemsIn({ intersection: [{}] })[0]).to.include('/intersection: a list is not a list of at least two');
    expect(problemsIn({ intersection: [{ arch: 'x64' }, { arch: 'arm64' }] })[0]).to.include('for x86_64');
    expect(problemsIn({ intersection: [{}, {}], preset: 'node' })[0]).to.include('/preset: there is no such key');
    expect(problemsIn({ intersection: [{}, { rules: ['x'] }] })[0]).to.include('/intersection/1/rules/0: "x"');
  });

  it('is all that a document may lead to: nothing else is ever thrown', () => {
    const keys = fc.constantFrom(
      'rules',
      'call',
      'syscalls',
      'rule',
      'when',
      'then',
      'arg',
      'eq',
      'intersection',
      'x/y',
    );
    const leaf = fc.constantFrom<unknown>('allowRead', 'allow', 'read', 'allowSyscalls', 0, -1, 1.5, null, true, '');
    const { documents } = fc.letrec<{ documents: unknown }>((tie) => ({
      documents: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie('documents'), { maxLength: 3 }),
        fc.dictionary(keys, tie('documents'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(documents, (document) => {
        for (const problem of problemsIn(document)) expect(problem).to.match(/^\/[^:]*: ./);
        problemsIn(JSON.stringify(document).slice(0, -1));
      }),
      { numRuns: 1500 },
    );
  });
});
