import type { OperationName } from './plan/ops.js';

const NO_USER_NAMESPACES =
  'this host lets ordinary users have no user namespaces; Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an ' +
  'AppArmor profile with `userns,` for the launcher; Debian: sysctl kernel.unprivileged_userns_clone=1; in a container: a seccomp ' +
  "profile that permits unshare and mount; or accept less, by launch(…, { tier: 'at-least-base' })";

/** The kernel allows one in a chain of filters. Without one nothing could be brokered, and no violation reported. */
export const OUTER_LISTENER =
  'another supervisor (a container runtime, or a sandbox around the broker) holds a seccomp listener over this process, and ' +
  'the kernel allows one: run the broker outside of it';

const HINTS: readonly { readonly op: OperationName; readonly errno: string; readonly hint: string }[] = [
  {
    op: 'joinCgroups',
    errno: 'EACCES',
    hint: 'the broker may make the group but not move a process into it: delegate the cgroup above both (docs/hosts.md)',
  },
  { op: 'unshare', errno: 'EPERM', hint: NO_USER_NAMESPACES },
  { op: 'unshare', errno: 'EACCES', hint: NO_USER_NAMESPACES },
  {
    op: 'unshare',
    errno: 'ENOSPC',
    hint: 'the limit of namespaces is reached: raise sysctl user.max_user_namespaces and its siblings',
  },
  { op: 'unshare', errno: 'EINVAL', hint: 'the kernel was built without one of the namespaces' },
  { op: 'idMap', errno: 'EPERM', hint: NO_USER_NAMESPACES },
  { op: 'idMap', errno: 'EACCES', hint: NO_USER_NAMESPACES },
  { op: 'privatePropagation', errno: 'EPERM', hint: NO_USER_NAMESPACES },
  { op: 'privatePropagation', errno: 'EACCES', hint: NO_USER_NAMESPACES },
  { op: 'stagingRoot', errno: 'EPERM', hint: NO_USER_NAMESPACES },
  { op: 'stagingRoot', errno: 'EACCES', hint: NO_USER_NAMESPACES },
  { op: 'bind', errno: 'ELOOP', hint: 'a folder on that path became a symlink after it was looked up' },
  { op: 'bind', errno: 'ENOENT', hint: 'it was removed after it was looked up' },
  { op: 'bind', errno: 'EACCES', hint: 'the user that runs the broker cannot read it' },
  {
    op: 'rlimit',
    errno: 'EPERM',
    hint: 'the limit is above the hard limit of the broker: lower it, or raise the hard limit (ulimit -H)',
  },
  { op: 'runFiltered', errno: 'EBUSY', hint: OUTER_LISTENER },
  {
    op: 'identity',
    errno: 'EINVAL',
    hint: 'that uid does not exist in the user namespace that the broker is in: set SALLYPORT_UID_BASE to one that does',
  },
  { op: 'workingDirectory', errno: 'EACCES', hint: 'the sandboxee may not enter it: check its permissions for others' },
  { op: 'run', errno: 'EACCES', hint: 'the sandboxee may not execute it: check its permissions for others' },
  {
    op: 'runFiltered',
    errno: 'EACCES',
    hint: 'the sandboxee may not execute it: check its permissions for others, and in the tier base that it, its loader or its interpreter is shown',
  },
  { op: 'runFiltered', errno: 'EAGAIN', hint: 'limits.processes is too low, or the user has too many processes' },
  {
    op: 'runFiltered',
    errno: 'ENOENT',
    hint: 'the program, its loader or its interpreter is not among what the policy and the executor show',
  },
  {
    op: 'runFiltered',
    errno: 'ENOEXEC',
    hint: 'it is neither an ELF program for this machine nor a script that begins with #!',
  },
  { op: 'run', errno: 'EAGAIN', hint: 'limits.processes is too low, or the user has too many processes' },
];

/** How to mend a step that failed, where that is known. */
export function hintFor(op: OperationName, errno: string): string {
  return HINTS.find((entry) => entry.op === op && entry.errno === errno)?.hint ?? '';
}
