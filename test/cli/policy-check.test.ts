import { expect } from 'chai';
import { documents, sallyport } from './support.js';

describe('sallyport policy check', () => {
  const { file } = documents();

  it('is silent, and ends with 0, where it finds nothing', () => {
    expect(sallyport('policy', 'check', file('{ "preset": "node", "rules": ["allowPipe"] }'))).to.deep.equal({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('has a line for each finding with its place, and ends with 1', () => {
    const path = file(`{
  "rules": [
    "allowDup",
    { "call": "allowSyscall", "syscall": "execve" },
    { "call": "addPolicyOnSyscall", "syscall": "fcntl",
      "rule": { "when": { "arg": 1, "eq": "F_SETOWN" }, "then": "allow" } },
    "allowDup"
  ]
}`);
    const { status, stdout, stderr } = sallyport('policy', 'check', path);
    expect([status, stderr]).to.deep.equal([1, '']);
    expect(stdout.trimEnd().split('\n')).to.deep.equal([
      `${path}:4: /rules/1: dangerous: execve runs any program that the sandboxee can reach, or has written`,
      `${path}:5: /rules/2: unreachable: every policy refuses such calls: has the kernel signal other processes: SIGKILL by fcntl`,
      `${path}:7: /rules/3: shadowed: allowDup() before it decides every such call`,
    ]);
  });

  it('ends with 125, and a line for each problem, where the document is no policy', () => {
    const path = file(
      '{\n  "preset": "nodejs",\n  "rules": ["allowRead",\n    { "call": "allowSyscall", "syscall": "opne" }]\n}',
    );
    const { status, stdout, stderr } = sallyport('policy', 'check', path);
    expect([status, stdout]).to.deep.equal([125, '']);
    expect(stderr.trimEnd().split('\n')).to.deep.equal([
      `sallyport: ${path}:2: /preset: "nodejs" is not "node" or "nodeJitless" or "staticBinary" or "dynamicBinary" or "commandLine"; did you mean node?`,
      `sallyport: ${path}:4: /rules/1/syscall: "opne" is not a syscall that x64 or arm64 has up to Linux 6.18; did you mean open?`,
    ]);
  });
});
