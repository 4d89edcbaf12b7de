import { readFileSync } from 'node:fs';
import { OptionError } from './errors.js';

/** SCM_MAX_FD: what one message can carry, and by which a sender can pass its limit. */
const IN_ONE_MESSAGE = 253;

const live = new Set<{ readonly openFiles: number }>();

/**
 * Fds in flight on unix sockets are one account per user. A send is refused (ETOOMANYREFS) while the account holds more than
 * the sender's own RLIMIT_NOFILE; so sandboxees that are the broker's user can fill it to the largest of their limits, and
 * each can pass that by one message. What they could put there must stay below the broker's limit, or its sends would fail.
 *
 * @param ownAccount the sandboxee has a uid, and so an account, of its own
 * @throws OptionError where one more sandboxee with `openFiles` would go beyond
 */
export function promiseFds(openFiles: number, ownAccount: boolean): Disposable {
  const own = ownOpenFilesLimit();
  const sharing = ownAccount ? [] : [...live];
  const most = Math.max(openFiles, ...sharing.map((other) => other.openFiles)) + IN_ONE_MESSAGE * (sharing.length + 1);
  if (most >= own) {
    throw new OptionError(
      'limits.openFiles',
      `${openFiles} open files, with ${sharing.length} other sandboxees, allow for ${most} fds in flight, which is not below this ` +
        `process's own limit of ${own} open files: lower it, end other sandboxees, or raise the limit (ulimit -n)`,
    );
  }
  const promise = { openFiles };
  if (!ownAccount) live.add(promise);
  return { [Symbol.dispose]: () => live.delete(promise) };
}

/** The soft limit, which Node raises to the hard one when it starts. */
function ownOpenFilesLimit(): number {
  const text = readFileSync('/proc/self/limits', 'latin1');
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  return soft === 'unlimited' ? Infinity : Number(soft);
}
