import { leakGate } from '../support/leak-gate.js';
import { itAlwaysEnds, itEnds } from './support.js';

const AT_FDCWD = -100;
const PRIVATE_ANONYMOUS = 0x22;

describe('starting programs and processes is a violation', () => {
  leakGate();

  itEnds([
    { call: ['execve', '/bin/sh', 0, 0], says: 'execve("/bin/sh", NULL, NULL)' },
    { call: ['execve', '/a\u001b[2J"b', 0, 0], says: 'execve("/a\\u{1b}[2J\\"b", NULL, NULL)' },
    { call: ['execveat', AT_FDCWD, '/bin/sh', 0, 0, 0], says: /^execveat\(AT_FDCWD, "\/bin\/sh", NULL, NULL, / },
    { call: ['execveat', 4, '', 0, 0, 0x1000], says: /^execveat\(4, "", NULL, NULL, AT_EMPTY_PATH\)$/ },
    { call: ['fork'], says: 'fork()' },
    { call: ['vfork'], says: 'vfork()' },
    { call: ['clone', 17, 0, 0, 0, 0], says: 'clone(SIGCHLD, NULL, NULL, NULL, NULL)' },
    { call: ['clone', 0x3d0f00 | 0x8000, 0, 0, 0, 0], says: /CLONE_PARENT/ },
    { call: ['clone', 0x3d0b00, 0, 0, 0, 0], says: /^clone\(CLONE_VM\|CLONE_FS\|CLONE_SIGHAND/ },
  ]);
});

describe('memory that nobody can see or count is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['memfd_secret', 0], says: 'memfd_secret(0x0)' },
    { call: ['remap_file_pages', 0, 4096, 0, 0, 0], says: /^remap_file_pages\(/ },
  ]);
});

describe('executable, hidden or file-backed memory is a violation', () => {
  leakGate();

  itEnds([
    {
      call: ['mmap', 0, 4096, 7, PRIVATE_ANONYMOUS, -1, 0],
      says: 'mmap(NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)',
    },
    { call: ['mmap', 0, 4096, 4, PRIVATE_ANONYMOUS, -1, 0], says: /PROT_EXEC/ },
    { call: ['mmap', 0, 4096, 0x1_0000_0005n, PRIVATE_ANONYMOUS, -1, 0], says: /PROT_READ\|PROT_EXEC/ },
    { call: ['mmap', 0, 4096, 5, 1, 4, 0], says: /PROT_READ\|PROT_EXEC, MAP_SHARED, 4, 0/ },
    { call: ['mmap', 0, 4096, 3, 0x21, -1, 0], says: /MAP_SHARED\|MAP_ANONYMOUS/ },
    { call: ['memfd_create', 'hoard', 0], says: /^memfd_create\(0x[0-9a-f]+, 0x0\)$/ },
    { call: ['madvise', 0, 4096, 12], says: /^madvise\(NULL, 4096, / },
  ]);
});

describe('changing who may look into the process, or its filters, is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['prctl', 4, 1], says: /^prctl\(PR_SET_DUMPABLE, 0x1, / },
    { call: ['prctl', 4, 0], says: /^prctl\(PR_SET_DUMPABLE, 0x0, / },
    { call: ['prctl', 0x1_0000_0004n, 0], says: /^prctl\(PR_SET_DUMPABLE, / },
    { call: ['prctl', 0x59616d61, 1], says: /^prctl\(PR_SET_PTRACER, 0x1, / },
    { call: ['prctl', 35, 1, 0x10000], says: /^prctl\(PR_SET_MM, / },
    { call: ['prctl', 22, 2, 'bytes:16'], says: /^prctl\(PR_SET_SECCOMP, 0x2, / },
    { call: ['seccomp', 1, 8, 'bytes:16'], says: /^seccomp\(1, 0x8, / },
    { call: ['seccomp', 1, 0, 'bytes:16'], says: /^seccomp\(1, 0x0, / },
    { call: ['seccomp', 0, 0, 0], says: 'seccomp(0, 0x0, NULL)' },
    { call: ['arch_prctl', 0x1012, 0], says: 'arch_prctl(ARCH_SET_CPUID, NULL)' },
  ]);
});

describe('changing what the process may do is a violation', () => {
  leakGate();

  itEnds([
    { call: ['prctl', 36, 1], says: /^prctl\(PR_SET_CHILD_SUBREAPER, / },
    { call: ['prctl', 59, 1], says: /^prctl\(PR_SET_SYSCALL_USER_DISPATCH, / },
    { call: ['setrlimit', 7, 'bytes:16'], says: /^setrlimit\(/ },
    { call: ['prlimit64', 0, 7, 'bytes:16', 0], says: /^prlimit64\(0, 7, 0x[0-9a-f]+, NULL\)$/ },
    { call: ['setuid', 0], says: 'setuid(0)' },
    { call: ['capset', 'bytes:8', 'bytes:24'], says: /^capset\(/ },
    { call: ['setsid'], says: /^setsid\(/ },
  ]);
});

describe('typing on a terminal is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['ioctl', 0, 0x5412, 'x'], says: /^ioctl\(0, TIOCSTI, / },
    { call: ['ioctl', 0, 0x1_0000_5412n, 'x'], says: /^ioctl\(0, TIOCSTI, / },
    { call: ['ioctl', 0, 0x541c, 'bytes:8'], says: /^ioctl\(0, TIOCLINUX, / },
  ]);
});

describe('changing a terminal is a violation', () => {
  leakGate();

  itEnds([
    { call: ['ioctl', 0, 0x540e, 1], says: /^ioctl\(0, TIOCSCTTY, 0x1\)$/ },
    { call: ['ioctl', 0, 0x5402, 'bytes:64'], says: /^ioctl\(0, TCSETS, / },
  ]);
});
