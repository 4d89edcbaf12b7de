import type { SyscallName } from './index.js';

/** How an argument is read by people. `describe.ts` has a decoder for each. */
export type ArgumentKind =
  | 'fd'
  | 'directory' // an fd, or AT_FDCWD
  | 'path' // a pointer to one, resolved by the kernel
  | 'pointer'
  | 'size' // unsigned long
  | 'offset' // long
  | 'int'
  | 'hex'
  | 'mode' // octal
  | 'pid'
  | 'signal'
  | 'open-flags'
  | 'at-flags'
  | 'protection'
  | 'map-flags'
  | 'advice'
  | 'futex-operation'
  | 'clone-flags'
  | 'fcntl-command'
  | 'ioctl-request'
  | 'prctl-option'
  | 'arch-prctl-code'
  | 'socket-domain'
  | 'socket-type'
  | 'socket-protocol'
  | 'clock';

export interface ArgumentShape {
  readonly name: string;
  readonly kind: ArgumentKind;
}

/** `name: kind`, in order. What is not here is shown as six hexadecimal numbers. */
const SHAPES: Readonly<Partial<Record<SyscallName, string>>> = {
  // Files by path
  open: 'path: path, flags: open-flags, mode: mode',
  openat: 'dirfd: directory, path: path, flags: open-flags, mode: mode',
  openat2: 'dirfd: directory, path: path, how: pointer, size: size',
  creat: 'path: path, mode: mode',
  stat: 'path: path, status: pointer',
  lstat: 'path: path, status: pointer',
  newfstatat: 'dirfd: directory, path: path, status: pointer, flags: at-flags',
  statx: 'dirfd: directory, path: path, flags: at-flags, mask: hex, status: pointer',
  statfs: 'path: path, status: pointer',
  access: 'path: path, mode: mode',
  faccessat: 'dirfd: directory, path: path, mode: mode',
  faccessat2: 'dirfd: directory, path: path, mode: mode, flags: at-flags',
  readlink: 'path: path, buffer: pointer, size: size',
  readlinkat: 'dirfd: directory, path: path, buffer: pointer, size: size',
  chdir: 'path: path',
  mkdir: 'path: path, mode: mode',
  mkdirat: 'dirfd: directory, path: path, mode: mode',
  mknod: 'path: path, mode: mode, device: hex',
  mknodat: 'dirfd: directory, path: path, mode: mode, device: hex',
  rmdir: 'path: path',
  unlink: 'path: path',
  unlinkat: 'dirfd: directory, path: path, flags: at-flags',
  rename: 'from: path, to: path',
  renameat: 'fromdir: directory, from: path, todir: directory, to: path',
  renameat2: 'fromdir: directory, from: path, todir: directory, to: path, flags: hex',
  link: 'from: path, to: path',
  linkat: 'fromdir: directory, from: path, todir: directory, to: path, flags: at-flags',
  symlink: 'target: pointer, path: path',
  symlinkat: 'target: pointer, dirfd: directory, path: path',
  truncate: 'path: path, length: offset',
  chmod: 'path: path, mode: mode',
  fchmodat: 'dirfd: directory, path: path, mode: mode',
  fchmodat2: 'dirfd: directory, path: path, mode: mode, flags: at-flags',
  chown: 'path: path, uid: int, gid: int',
  lchown: 'path: path, uid: int, gid: int',
  fchownat: 'dirfd: directory, path: path, uid: int, gid: int, flags: at-flags',
  utime: 'path: path, times: pointer',
  utimes: 'path: path, times: pointer',
  futimesat: 'dirfd: directory, path: path, times: pointer',
  utimensat: 'dirfd: directory, path: path, times: pointer, flags: at-flags',
  getxattr: 'path: path, name: pointer, value: pointer, size: size',
  lgetxattr: 'path: path, name: pointer, value: pointer, size: size',
  setxattr: 'path: path, name: pointer, value: pointer, size: size, flags: hex',
  lsetxattr: 'path: path, name: pointer, value: pointer, size: size, flags: hex',
  listxattr: 'path: path, list: pointer, size: size',
  llistxattr: 'path: path, list: pointer, size: size',
  removexattr: 'path: path, name: pointer',
  lremovexattr: 'path: path, name: pointer',
  getxattrat: 'dirfd: directory, path: path, flags: at-flags, name: pointer, arguments: pointer, size: size',
  setxattrat: 'dirfd: directory, path: path, flags: at-flags, name: pointer, arguments: pointer, size: size',
  listxattrat: 'dirfd: directory, path: path, flags: at-flags, list: pointer, size: size',
  removexattrat: 'dirfd: directory, path: path, flags: at-flags, name: pointer',
  file_getattr: 'dirfd: directory, path: path, attributes: pointer, size: size, flags: at-flags',
  file_setattr: 'dirfd: directory, path: path, attributes: pointer, size: size, flags: at-flags',
  inotify_add_watch: 'fd: fd, path: path, mask: hex',
  execve: 'path: path, arguments: pointer, environment: pointer',
  execveat: 'dirfd: directory, path: path, arguments: pointer, environment: pointer, flags: at-flags',
  chroot: 'path: path',
  mount: 'source: pointer, path: path, type: pointer, flags: hex, data: pointer',
  umount2: 'path: path, flags: hex',
  pivot_root: 'path: path, old: path',
  open_tree: 'dirfd: directory, path: path, flags: hex',
  name_to_handle_at: 'dirfd: directory, path: path, handle: pointer, mount: pointer, flags: hex',
  getcwd: 'buffer: pointer, size: size',

  // Files by fd
  read: 'fd: fd, buffer: pointer, size: size',
  write: 'fd: fd, buffer: pointer, size: size',
  readv: 'fd: fd, vector: pointer, count: size',
  writev: 'fd: fd, vector: pointer, count: size',
  pread64: 'fd: fd, buffer: pointer, size: size, offset: offset',
  pwrite64: 'fd: fd, buffer: pointer, size: size, offset: offset',
  close: 'fd: fd',
  close_range: 'first: fd, last: fd, flags: hex',
  fstat: 'fd: fd, status: pointer',
  lseek: 'fd: fd, offset: offset, whence: int',
  ftruncate: 'fd: fd, length: offset',
  fchmod: 'fd: fd, mode: mode',
  fchown: 'fd: fd, uid: int, gid: int',
  fsync: 'fd: fd',
  fdatasync: 'fd: fd',
  flock: 'fd: fd, operation: int',
  fchdir: 'fd: fd',
  getdents64: 'fd: fd, buffer: pointer, size: size',
  dup: 'fd: fd',
  dup2: 'fd: fd, to: fd',
  dup3: 'fd: fd, to: fd, flags: open-flags',
  fcntl: 'fd: fd, command: fcntl-command, argument: hex',
  ioctl: 'fd: fd, request: ioctl-request, argument: hex',
  pipe: 'fds: pointer',
  pipe2: 'fds: pointer, flags: open-flags',
  memfd_create: 'name: pointer, flags: hex',
  memfd_secret: 'flags: hex',
  eventfd2: 'value: int, flags: open-flags',
  poll: 'fds: pointer, count: size, timeout: int',

  // Memory
  mmap: 'address: pointer, length: size, protection: protection, flags: map-flags, fd: fd, offset: offset',
  mprotect: 'address: pointer, length: size, protection: protection',
  pkey_mprotect: 'address: pointer, length: size, protection: protection, key: int',
  munmap: 'address: pointer, length: size',
  madvise: 'address: pointer, length: size, advice: advice',
  futex: 'word: pointer, operation: futex-operation, value: hex, timeout: pointer, second: pointer, third: hex',

  // Sockets
  socket: 'domain: socket-domain, type: socket-type, protocol: socket-protocol',
  socketpair: 'domain: socket-domain, type: socket-type, protocol: socket-protocol, fds: pointer',
  connect: 'fd: fd, address: pointer, size: size',
  bind: 'fd: fd, address: pointer, size: size',
  listen: 'fd: fd, backlog: int',
  accept: 'fd: fd, address: pointer, size: pointer',
  accept4: 'fd: fd, address: pointer, size: pointer, flags: hex',
  sendto: 'fd: fd, buffer: pointer, size: size, flags: hex, address: pointer, addressSize: size',
  recvfrom: 'fd: fd, buffer: pointer, size: size, flags: hex, address: pointer, addressSize: pointer',
  sendmsg: 'fd: fd, message: pointer, flags: hex',
  recvmsg: 'fd: fd, message: pointer, flags: hex',
  sendmmsg: 'fd: fd, messages: pointer, count: int, flags: hex',
  shutdown: 'fd: fd, how: int',
  getsockname: 'fd: fd, address: pointer, size: pointer',
  getpeername: 'fd: fd, address: pointer, size: pointer',
  getsockopt: 'fd: fd, level: int, option: int, value: pointer, size: pointer',
  setsockopt: 'fd: fd, level: int, option: int, value: pointer, size: size',

  // Processes
  fork: '',
  vfork: '',
  clone: 'flags: clone-flags, stack: pointer, parentTid: pointer, childTid: pointer, tls: pointer',
  clone3: 'arguments: pointer, size: size',
  unshare: 'flags: clone-flags',
  setns: 'fd: fd, type: clone-flags',
  kill: 'pid: pid, signal: signal',
  tkill: 'tid: pid, signal: signal',
  tgkill: 'pid: pid, tid: pid, signal: signal',
  rt_sigqueueinfo: 'pid: pid, signal: signal, info: pointer',
  pidfd_open: 'pid: pid, flags: hex',
  pidfd_send_signal: 'pidfd: fd, signal: signal, info: pointer, flags: hex',
  pidfd_getfd: 'pidfd: fd, fd: fd, flags: hex',
  wait4: 'pid: pid, status: pointer, options: hex, usage: pointer',
  prctl: 'option: prctl-option, first: hex, second: hex, third: hex, fourth: hex',
  arch_prctl: 'code: arch-prctl-code, address: pointer',
  prlimit64: 'pid: pid, resource: int, limit: pointer, old: pointer',
  ptrace: 'request: int, pid: pid, address: pointer, data: hex',
  process_vm_readv: 'pid: pid, local: pointer, localCount: size, remote: pointer, remoteCount: size, flags: hex',
  process_vm_writev: 'pid: pid, local: pointer, localCount: size, remote: pointer, remoteCount: size, flags: hex',
  setuid: 'uid: int',
  setgid: 'gid: int',
  personality: 'persona: hex',
  exit: 'code: int',
  exit_group: 'code: int',

  // Kernel
  seccomp: 'operation: int, flags: hex, arguments: pointer',
  bpf: 'command: int, attributes: pointer, size: size',
  perf_event_open: 'attributes: pointer, pid: pid, cpu: int, group: fd, flags: hex',
  userfaultfd: 'flags: open-flags',
  io_uring_setup: 'entries: int, parameters: pointer',
  io_uring_enter: 'fd: fd, submit: int, complete: int, flags: hex, signals: pointer, size: size',
  io_uring_register: 'fd: fd, operation: int, argument: pointer, count: int',
  keyctl: 'operation: int, first: hex, second: hex, third: hex, fourth: hex',
  clock_nanosleep: 'clock: clock, flags: hex, request: pointer, remaining: pointer',
  clock_gettime: 'clock: clock, time: pointer',
};

const parsed = new Map<SyscallName, readonly ArgumentShape[]>();

/** `undefined`: nothing is known of the syscall's arguments. */
export function argumentShapes(syscall: SyscallName): readonly ArgumentShape[] | undefined {
  const text = SHAPES[syscall];
  if (text === undefined) return undefined;
  const known = parsed.get(syscall) ?? parse(text);
  parsed.set(syscall, known);
  return known;
}

/** The first argument that is a path which the kernel resolves. */
export function pathArgument(syscall: SyscallName): number | undefined {
  const index = argumentShapes(syscall)?.findIndex(({ kind }) => kind === 'path') ?? -1;
  return index === -1 ? undefined : index;
}

function parse(text: string): readonly ArgumentShape[] {
  if (text === '') return [];
  return text.split(', ').map((argument) => {
    const [name = '', kind = ''] = argument.split(': ');
    return { name, kind: kind as ArgumentKind };
  });
}
