import { leakGate } from '../support/leak-gate.js';
import { itAlwaysEnds, itEnds } from './support.js';

const AT_FDCWD = -100;

describe('reaching into other processes is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['ptrace', 16, 1, 0, 0], says: 'ptrace(16, 1, NULL, 0x0)' },
    { call: ['ptrace', 0, 0, 0, 0], says: 'ptrace(0, 0, NULL, 0x0)' },
    { call: ['process_vm_readv', 1, 'bytes:16', 1, 'bytes:16', 1, 0], says: /^process_vm_readv\(1, / },
    { call: ['process_vm_writev', 1, 'bytes:16', 1, 'bytes:16', 1, 0], says: /^process_vm_writev\(1, / },
    { call: ['process_madvise', 3, 'bytes:16', 1, 21, 0], says: /^process_madvise\(/ },
    { call: ['pidfd_getfd', 4, 3, 0], says: 'pidfd_getfd(4, 3, 0x0)' },
    { call: ['kcmp', 1, 2, 0, 3, 3], says: /^kcmp\(/ },
    { call: ['prlimit64', 1, 7, 0, 'bytes:16'], says: /^prlimit64\(1, 7, NULL, / },
    { call: ['setpriority', 0, 1, 19], says: /^setpriority\(/ },
    { call: ['perf_event_open', 'bytes:128', 1, -1, -1, 0], says: /^perf_event_open\(0x[0-9a-f]+, 1, -1, -1, 0x0\)$/ },
  ]);
});

describe('moving other processes to another processor is a violation', () => {
  leakGate();

  itEnds([{ call: ['sched_setaffinity', 1, 8, 'bytes:8'], says: /^sched_setaffinity\(/ }]);
});

describe('the corners of the kernel that attacks begin in are violations, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['bpf', 5, 'bytes:120', 120], says: /^bpf\(5, / },
    { call: ['userfaultfd', 0x80000], says: 'userfaultfd(O_RDONLY|O_CLOEXEC)' },
    { call: ['keyctl', 0, -3, 1, 0, 0], says: /^keyctl\(0, / },
    { call: ['add_key', 'user', 'a', 'b', 1, -3], says: /^add_key\(/ },
    { call: ['request_key', 'user', 'a', 0, -3], says: /^request_key\(/ },
    { call: ['modify_ldt', 1, 'bytes:16', 16], says: /^modify_ldt\(/ },
    { call: ['ioperm', 0, 1024, 1], says: /^ioperm\(/ },
    { call: ['iopl', 3], says: /^iopl\(/ },
    { call: ['personality', 0x0400000], says: 'personality(0x400000)' },
    { call: ['fanotify_init', 0, 0], says: /^fanotify_init\(/ },
    { call: ['init_module', 'bytes:16', 16, ''], says: /^init_module\(/ },
    { call: ['kexec_load', 0, 0, 0, 0], says: /^kexec_load\(/ },
    { call: ['syslog', 3, 'bytes:64', 64], says: /^syslog\(/ },
    { call: ['reboot', 0xfee1dead, 672274793, 0, 0], says: /^reboot\(/ },
    { call: ['clock_settime', 0, 'bytes:16'], says: /^clock_settime\(/ },
    { call: ['sethostname', 'host', 4], says: /^sethostname\(/ },
    { call: ['move_pages', 0, 0, 0, 0, 0, 0], says: /^move_pages\(/ },
    { call: ['vmsplice', 1, 'bytes:16', 1, 0], says: /^vmsplice\(/ },
  ]);
});

describe('queues and memory that outlive a process are violations', () => {
  leakGate();

  itEnds([
    { call: ['msgget', 0, 0o1600], says: /^msgget\(/ },
    { call: ['shmget', 0, 4096, 0o1600], says: /^shmget\(/ },
    { call: ['mq_open', 'queue', 0o102, 0o600, 0], says: /^mq_open\(/ },
  ]);
});

describe('another view of the world is a violation, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['unshare', 0x10000000], says: 'unshare(CLONE_NEWUSER)' },
    { call: ['unshare', 0x400], says: 'unshare(CLONE_FILES)' },
    { call: ['unshare', 0x80], says: 'unshare(0x80)' },
    { call: ['setns', 4, 0x40000000], says: 'setns(4, CLONE_NEWNET)' },
    { call: ['clone', 0x10000011, 0, 0, 0, 0], says: 'clone(CLONE_NEWUSER|SIGCHLD, NULL, NULL, NULL, NULL)' },
    { call: ['mount', 'none', '/', 'tmpfs', 0, 0], says: /^mount\(0x[0-9a-f]+, "\/", / },
    { call: ['umount2', '/proc', 2], says: 'umount2("/proc", 0x2)' },
    { call: ['pivot_root', '.', '.'], says: /^pivot_root\("\.", / },
    { call: ['chroot', '/proc'], says: 'chroot("/proc")' },
    { call: ['fsopen', 'tmpfs', 0], says: /^fsopen\(/ },
    { call: ['open_tree', AT_FDCWD, '/', 1], says: 'open_tree(AT_FDCWD, "/", 0x1)' },
    { call: ['move_mount', 4, '', AT_FDCWD, '/', 4], says: /^move_mount\(/ },
    { call: ['mount_setattr', AT_FDCWD, '/', 0, 'bytes:32', 32], says: /^mount_setattr\(/ },
    {
      call: ['name_to_handle_at', AT_FDCWD, '/', 'bytes:128', 'bytes:4', 0],
      says: /^name_to_handle_at\(AT_FDCWD, "\/", /,
    },
    { call: ['open_by_handle_at', 4, 'bytes:128', 0], says: /^open_by_handle_at\(/ },
  ]);
});

describe('sockets that reach the kernel or the hypervisor are violations, whatever the policy says', () => {
  leakGate();

  itAlwaysEnds([
    { call: ['socket', 40, 1, 0], says: /^socket\(AF_VSOCK, / },
    { call: ['socket', 16, 3, 0], says: /^socket\(AF_NETLINK, SOCK_RAW, / },
    { call: ['socket', 17, 3, 0], says: /^socket\(AF_PACKET, SOCK_RAW, / },
    { call: ['socket', 38, 5, 0], says: /^socket\(AF_ALG, SOCK_SEQPACKET, / },
  ]);
});

describe('sockets are violations', () => {
  leakGate();

  itEnds([
    { call: ['socket', 2, 1, 0], says: 'socket(AF_INET, SOCK_STREAM, IPPROTO_IP)' },
    { call: ['socket', 10, 2, 0], says: 'socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP)' },
    { call: ['socket', 2, 3, 1], says: 'socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)' },
    { call: ['socket', 1, 1, 0], says: /^socket\(AF_UNIX, SOCK_STREAM, / },
    { call: ['socket', 0x1_0000_0002n, 1, 0], says: /^socket\(AF_INET, / },
    { call: ['socketpair', 1, 1, 0, 'bytes:8'], says: /^socketpair\(AF_UNIX, SOCK_STREAM, / },
  ]);
});
