import { readFileSync } from 'node:fs';
import * as native from '../native/broker.js';

/** SECCOMP_FILTER_FLAG_* of linux/seccomp.h. */
const TSYNC = 1;
const NEW_LISTENER = 8;
const TSYNC_ESRCH = 16;
const WAIT_KILLABLE_RECV = 32;

let known: native.KernelFeatures | undefined;

/** What this kernel can do, found once by trying. */
export function kernelFeatures(): native.KernelFeatures {
  known ??= native.probe();
  return known;
}

const CAP_SYS_PTRACE = 1n << 19n;

/**
 * Whether the broker can look at fds, maps and memory of a sandboxee: of its own user it can; root, whose sandboxees have uids
 * of their own, needs CAP_SYS_PTRACE, which containers are not given.
 */
export function canInspect(): boolean {
  if (process.geteuid?.() !== 0) return true;
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return (BigInt(`0x${effective ?? '0'}`) & CAP_SYS_PTRACE) !== 0n;
}

/** How the filter of a program that has one thread is installed, before it begins. */
export function filterFlagsOfOne(): number {
  return NEW_LISTENER | (kernelFeatures().waitKillableRecv ? WAIT_KILLABLE_RECV : 0);
}

/**
 * How the late filter is installed: in all threads or none, with a listener. With WAIT_KILLABLE_RECV (5.19) a signal that
 * is handled during an answered syscall does not restart it, which otherwise lasts for as long as signals keep coming.
 */
export function filterFlags(): number {
  return TSYNC | NEW_LISTENER | TSYNC_ESRCH | (kernelFeatures().waitKillableRecv ? WAIT_KILLABLE_RECV : 0);
}
