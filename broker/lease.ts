import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import * as native from '../native/broker.js';
import { OptionError } from './errors.js';

const DIRECTORY = '/run/sallyport/uids';
/** Above what distributions give to people, services and containers (systemd and subuid end at 1,879,048,191). */
const DEFAULT_BASE = 1_900_000_000;
const COUNT = 4096;

/** A uid of its own for one sandboxee of a root broker. The kernel frees the lock when the broker dies, however it dies. */
export interface UidLease extends Disposable {
  readonly uid: number;
}

/**
 * Leases the lowest uid from SALLYPORT_UID_BASE that no sandboxee on this machine has. Two sandboxees that shared a uid
 * could signal and trace each other, and would share their count of processes.
 *
 * @throws OptionError where the base is no uid, or all are taken
 */
export function leaseUid(): UidLease {
  const base = uidBase();
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
  for (let uid = base; uid < base + COUNT; uid += 1) {
    const lock = openSync(join(DIRECTORY, String(uid)), 'a', 0o600);
    if (native.lock(lock)) return { uid, [Symbol.dispose]: () => closeSync(lock) };
    closeSync(lock);
  }
  throw new OptionError('SALLYPORT_UID_BASE', `all ${COUNT} uids from ${base} on are in use`);
}

function uidBase(): number {
  const text = process.env.SALLYPORT_UID_BASE;
  if (text === undefined) return DEFAULT_BASE;
  const base = Number(text);
  if (!/^\d+$/.test(text) || base < 1000 || base > 0xffff_fffe - COUNT) {
    throw new OptionError(
      'SALLYPORT_UID_BASE',
      `${JSON.stringify(text)} is not a uid from 1000 to ${0xffff_fffe - COUNT}`,
    );
  }
  return base;
}
