import { expect } from 'chai';
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_X86_64,
  hostArchitecture,
  isSyscallName,
  syscallTable,
} from '../../broker/policy/syscalls/index.js';

describe('syscall tables', () => {
  const x64 = syscallTable(AUDIT_ARCH_X86_64);
  const arm64 = syscallTable(AUDIT_ARCH_AARCH64);

  it('know the numbers of their architecture', () => {
    expect([x64.number('read'), x64.number('openat'), x64.number('mseal'), x64.number('uretprobe')]).to.deep.equal([
      0, 257, 462, 335,
    ]);
    expect([arm64.number('read'), arm64.number('openat'), arm64.number('mseal')]).to.deep.equal([63, 56, 462]);
    expect([x64.number('open'), arm64.number('open')]).to.deep.equal([2, undefined]);
    expect([arm64.number('mmap'), arm64.number('fcntl'), arm64.number('fstat')]).to.deep.equal([222, 25, 80]);
  });

  it('reach up to Linux 6.18', () => {
    expect([x64.highest, arm64.highest]).to.deep.equal([469, 469]);
    expect(x64.name(469)).to.equal('file_setattr');
  });

  it('have each name and number once', () => {
    for (const table of [x64, arm64]) {
      const names = [...table.names()];
      expect(new Set(names).size).to.equal(names.length);
      for (const name of names) expect(table.name(table.number(name) ?? -1)).to.equal(name);
    }
  });

  it('agree on every number from 424 on', () => {
    for (let number = 424; number <= 469; number++) expect(x64.name(number), `${number}`).to.equal(arm64.name(number));
  });

  it('tell names from other text', () => {
    expect([isSyscallName('read'), isSyscallName('toString'), isSyscallName('__proto__')]).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('know the host', () => {
    expect([x64.architecture, arm64.architecture]).to.include(hostArchitecture());
  });
});
