import { expect } from 'chai';
import { describeArchitecture, describeSyscall, type SeenSyscall } from '../../broker/policy/describe.js';
import { argumentShapes, pathArgument } from '../../broker/policy/syscalls/arguments.js';
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_X86_64,
  type SyscallName,
  syscallTable,
} from '../../broker/policy/syscalls/index.js';

function seen(name: SyscallName, args: readonly (number | bigint)[], change: Partial<SeenSyscall> = {}): SeenSyscall {
  const arch = AUDIT_ARCH_X86_64;
  const six = Array.from({ length: 6 }, (_, index) => BigInt.asUintN(64, BigInt(args[index] ?? 0)));
  return {
    arch,
    number: syscallTable(arch).number(name) ?? -1,
    args: six,
    paths: [null, null, null, null, null, null],
    ...change,
  };
}

const text = (name: SyscallName, ...args: (number | bigint)[]): string => describeSyscall(seen(name, args)).text;
const withPath = (name: SyscallName, args: readonly (number | bigint)[], index: number, path: string) => {
  const paths = Array.from({ length: 6 }, (_, at) => (at === index ? path : null));
  return describeSyscall(seen(name, args, { paths })).text;
};

describe('describeSyscall', () => {
  it('decodes arguments in words', () => {
    expect(withPath('openat', [-100, 0x7ffe, 0x80000], 1, '/etc/passwd')).to.equal(
      'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)',
    );
    expect(withPath('open', [0x7ffe, 0x241, 0o644], 0, 'x')).to.equal('open("x", O_WRONLY|O_CREAT|O_TRUNC, 0644)');
    expect(text('socket', 2, 0x80801, 6)).to.equal(
      'socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, IPPROTO_TCP)',
    );
    expect(text('socket', 40, 1, 0)).to.equal('socket(AF_VSOCK, SOCK_STREAM, IPPROTO_IP)');
    expect(text('mmap', 0, 4096, 7, 0x22, -1, 0)).to.equal(
      'mmap(NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)',
    );
    expect(text('mprotect', 0x7f0000000000n, 8192, 0)).to.equal('mprotect(0x7f0000000000, 8192, PROT_NONE)');
    expect(text('clone', 0x1200011)).to.equal(
      'clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, NULL, NULL)',
    );
    expect(text('clone', 17)).to.match(/^clone\(SIGCHLD, /);
    expect(text('kill', 1, 9)).to.equal('kill(1, SIGKILL)');
    expect(text('kill', -1, 9)).to.equal('kill(-1, SIGKILL)');
    expect(text('fcntl', 4, 8, 1)).to.equal('fcntl(4, F_SETOWN, 0x1)');
    expect(text('ioctl', 0, 0x5412, 0x7ffe)).to.equal('ioctl(0, TIOCSTI, 0x7ffe)');
    expect(text('prctl', 4, 1)).to.equal('prctl(PR_SET_DUMPABLE, 0x1, 0x0, 0x0, 0x0)');
    expect(text('madvise', 0x1000, 4096, 4)).to.equal('madvise(0x1000, 4096, MADV_DONTNEED)');
    expect(text('futex', 0x1000, 0x189)).to.match(
      /^futex\(0x1000, FUTEX_WAIT_BITSET\|FUTEX_PRIVATE_FLAG\|FUTEX_CLOCK_REALTIME, /,
    );
    expect(text('fork')).to.equal('fork()');
    expect(text('newfstatat', 5, 0x7ffe, 0x7fff, 0x1000)).to.equal('newfstatat(5, 0x7ffe, 0x7fff, AT_EMPTY_PATH)');
  });

  it('shows what it has no name for in hexadecimal', () => {
    expect(text('socket', 99, 0x10f, 77)).to.equal('socket(0x63, 0xf|0x100, 0x4d)');
    expect(text('openat', -100, 0x7ffe, 0x40000000)).to.equal('openat(AT_FDCWD, 0x7ffe, O_RDONLY|0x40000000)');
    expect(text('ioctl', 0, 0xdeadbeef)).to.equal('ioctl(0, 0xdeadbeef, 0x0)');
  });

  it('reads an int as the kernel does: the low word', () => {
    expect(text('close', 0x1_0000_0003n)).to.equal('close(3)');
    expect(text('ioctl', 0, 0x1_0000_5412n)).to.equal('ioctl(0, TIOCSTI, 0x0)');
    expect(text('openat', 0xffff_ff9c)).to.match(/^openat\(AT_FDCWD, /);
  });

  it('goes by the numbers and the flags of the architecture', () => {
    const record = seen('openat', [-100, 1, 0x4000], { arch: AUDIT_ARCH_AARCH64, number: 56 });
    expect(describeSyscall(record).text).to.equal('openat(AT_FDCWD, 0x1, O_RDONLY|O_DIRECTORY)');
    expect(text('openat', -100, 1, 0x4000)).to.equal('openat(AT_FDCWD, 0x1, O_RDONLY|O_DIRECT)');
  });

  it('names other architectures, x32 and numbers without a name', () => {
    const at = (arch: number, number: number): string => describeSyscall(seen('read', [1], { arch, number })).name;
    expect(at(0x40000003, 5)).to.equal('syscall 5 of i386');
    expect(at(AUDIT_ARCH_X86_64, 0x40000205)).to.equal('syscall 517 of x32');
    expect(at(AUDIT_ARCH_X86_64, 400)).to.equal('syscall 400');
    expect(at(0x1234, 5)).to.equal('syscall 5 of architecture 0x1234');
    expect(describeArchitecture(AUDIT_ARCH_X86_64, 5)).to.equal('x86_64');
    expect(describeArchitecture(AUDIT_ARCH_X86_64, 0x40000005)).to.equal('x32');
    expect(describeArchitecture(0xc000003e | 0)).to.equal('x86_64');
  });

  it('shows six hexadecimal arguments where it knows nothing of a syscall', () => {
    expect(text('semop', 1, 2)).to.equal('semop(0x1, 0x2, 0x0, 0x0, 0x0, 0x0)');
  });

  it('escapes what a hostile path may do to a terminal or a log', () => {
    const hostile = '/\x1b[2J\r\n\u202e"\\\u0000\u009b\ud800';
    const shown = withPath('openat', [-100, 1, 0], 1, hostile);
    expect(shown).to.match(/^[\x20-\x7e]*$/);
    expect(shown).to.include('\\"').and.include('\\\\').and.include('\\n').and.include('\\u{1b}[2J');
    expect(shown).to.match(/^openat\(AT_FDCWD, ".*", O_RDONLY\)$/);
  });

  it('bounds a path of any length', () => {
    const shown = withPath('openat', [-100, 1, 0], 1, '\u0001'.repeat(100_000));
    expect(shown.length).to.be.lessThan(256 * 8 + 100);
  });
});

describe('argument shapes', () => {
  it('have a decoder for each, for every syscall', () => {
    const table = syscallTable(AUDIT_ARCH_X86_64);
    for (const name of table.names()) {
      const shapes = argumentShapes(name);
      if (shapes === undefined) continue;
      expect(shapes.length, name).to.be.at.most(6);
      const described = describeSyscall(seen(name, [1, 2, 3, 4, 5, 6]));
      for (const { name: argument, value } of described.arguments)
        expect(`${argument}=${value}`, name).to.match(/^\w+=[^\s]+$/);
    }
  });

  it('know the path of each', () => {
    expect(pathArgument('openat')).to.equal(1);
    expect(pathArgument('execve')).to.equal(0);
    expect(pathArgument('symlink')).to.equal(1);
    expect(pathArgument('read')).to.equal(undefined);
  });
});
