/** Numbers of the kernel that plans contain; the same on x86-64 and arm64. */

/** CLONE_NEW*, of sched.h. */
export const NAMESPACE_FLAGS = {
  user: 0x1000_0000,
  mount: 0x0002_0000,
  net: 0x4000_0000,
  ipc: 0x0800_0000,
  uts: 0x0400_0000,
  cgroup: 0x0200_0000,
} as const;

/** MOUNT_ATTR_*, of linux/mount.h. */
export const MOUNT_ATTRIBUTES = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8 } as const;

/** RLIMIT_*, of asm-generic/resource.h. */
export const RLIMITS = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** What a signal to everybody reaches, without a pid namespace (native/launcher/launcher.h). */
export const REACHES = { uid: 1, domain: 2, group: 3 } as const;

export type Reach = keyof typeof REACHES;

export type RlimitName = keyof typeof RLIMITS;

export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/** PR_SPEC_*, of linux/prctl.h. */
export const SPECULATION_CONTROLS = { storeBypass: 0, indirectBranch: 1 } as const;
