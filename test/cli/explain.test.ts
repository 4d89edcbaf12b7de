import { expect } from 'chai';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { Policy } from '../../broker/policy/policy.js';
import { documents, sallyport } from './support.js';

const DOCUMENT = `{
  "name": "pdf",
  "arch": "x64",
  "preset": "node",
  "rules": [
    "allowPipe",
    {
      "call": "addPolicyOnSyscall",
      "syscall": "write",
      "rule": { "when": { "arg": 0, "in": [1, 2] }, "then": "allow", "otherwise": { "errno": "EBADF" } }
    }
  ]
}
`;

describe('sallyport explain', () => {
  const { file } = documents();

  it('puts the whole policy on a page, with the line of each rule', () => {
    const { status, stdout, stderr } = sallyport('explain', file(DOCUMENT));
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout)
      .to.include("policy 'pdf' for x86_64\n")
      .and.include('    allowPipe(), line 6\n')
      .and.include("    addPolicyOnSyscall('write'), line 7\n")
      .and.include('  everything else:\n    a violation: it ends the sandboxee\n');
  });

  it('tells of syscalls which rule decides, and where it is', () => {
    const { status, stdout } = sallyport('explain', file(DOCUMENT), 'pipe', 'write');
    expect(status).to.equal(0);
    expect(stdout).to.equal(
      `${[
        'pipe',
        '  allowed',
        '    by allowPipe(), line 6',
        '',
        'write',
        '  where fd is one of 1, 2',
        '    allowed',
        "      by addPolicyOnSyscall('write'), line 7",
        '  otherwise',
        '    refused with EBADF, and nobody is told',
        "      by addPolicyOnSyscall('write'), line 7",
      ].join('\n')}\n`,
    );
  });

  it('decides calls as they are written in C, and by name=value', () => {
    const path = file(DOCUMENT);
    const call = 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)';
    const { stdout } = sallyport('explain', path, call, 'mmap', 'prot=5', 'flags=MAP_PRIVATE', 'write', 'fd=7');
    const paragraphs = stdout.trimEnd().split('\n\n');
    expect(paragraphs.map((each) => each.split('\n')[0])).to.deep.equal([
      'openat(AT_FDCWD, "/etc/passwd", O_RDONLY, _)',
      'mmap(_, _, PROT_READ|PROT_EXEC, MAP_PRIVATE, _, _)',
      'write(7, _, _)',
    ]);
    expect(paragraphs.map((each) => each.split('\n')[1]?.trim())).to.deep.equal([
      'refused with ENOENT, and reported as a denial',
      'a violation: it ends the sandboxee',
      'refused with EBADF, and nobody is told',
    ]);
  });

  it('--bpf shows the filter that the kernel gets', () => {
    const { status, stdout } = sallyport('explain', file(DOCUMENT), '--bpf');
    expect(status).to.equal(0);
    expect(stdout).to.equal(`${disassemble(Policy.parse(DOCUMENT).compile().program)}\n`);
  });

  it('writes nothing of a document to the terminal as a control sequence', () => {
    const { stdout } = sallyport('explain', file('{ "name": "\\u001b[2J\\u202e" }'));
    expect(stdout).to.include('\\u{1b}[2J\\u{202e}').and.to.not.include('\u001b');
  });
});
