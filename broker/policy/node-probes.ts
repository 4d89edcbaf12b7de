/**
 * Paths that Node, V8, libuv, ICU and glibc look for by themselves, and do without. They are answered ENOENT like any
 * other, but are no denial that anyone hears of, and no violation under `onDenied: 'kill'`.
 */
export interface Probe {
  /** Exact, or a beginning where it ends with `*`. */
  readonly path: string;
  readonly why: string;
}

const PROBES: readonly Probe[] = [
  { path: '/etc/localtime', why: 'ICU and glibc: the time zone, at the first Date' },
  { path: '/etc', why: 'ICU resolves the links of /etc/localtime by itself, from the top' },
  { path: '/etc/timezone', why: 'ICU: the time zone' },
  { path: '/usr/share/zoneinfo*', why: 'ICU and glibc: the time zone' },
  { path: '/usr/lib/zoneinfo*', why: 'ICU: the time zone' },
  { path: '/proc/sys/vm/overcommit_memory', why: 'V8 and glibc: whether memory may be reserved' },
  { path: '/sys/devices/system/cpu*', why: 'glibc: processors online; V8: the frequency of the time stamp counter' },
  { path: '/sys/kernel/mm/transparent_hugepage/*', why: 'glibc malloc: huge pages' },
  { path: '/sys/fs/cgroup/*', why: 'libuv: the limits of memory and processors' },
  { path: '/proc/self/stat', why: 'libuv: process.memoryUsage()' },
  { path: '/proc/self/statm', why: 'libuv: process.memoryUsage.rss()' },
  { path: '/proc/self/status', why: 'libuv: the processors that it may use' },
  { path: '/proc/self/cgroup', why: 'libuv: the limits of memory and processors' },
  { path: '/proc/self/mountinfo', why: 'libuv: where cgroups are mounted' },
  { path: '/proc/self/maps', why: 'V8: remaps its builtins in a new Worker; glibc: the stack of the main thread' },
  { path: '/proc/self/exe', why: 'libuv: process.execPath' },
  { path: '/proc/meminfo', why: 'libuv: free memory' },
  { path: '/proc/cpuinfo', why: 'libuv and V8: os.cpus(), features of the processor' },
  { path: '/proc/stat', why: 'libuv and glibc: os.cpus()' },
  { path: '/proc/uptime', why: 'libuv: os.uptime()' },
  { path: '/proc/loadavg', why: 'libuv: os.loadavg()' },
  { path: '/proc/version_signature', why: 'libuv: the version of an Ubuntu kernel' },
];

/** With the Node binary itself, which V8 opens to map its builtins in a new Worker. */
export function harmlessNodePaths(nodeBinary: string = process.execPath): readonly string[] {
  return [...PROBES.map(({ path }) => path), nodeBinary];
}
