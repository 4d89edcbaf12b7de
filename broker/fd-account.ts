import { readFileSync } from 'node:fs';
import { OptionError } from './errors.js';

/** SCM_MAX_FD: what one message can carry beyond a full table. */
const IN_ONE_MESSAGE = 253;

let promised = 0;

/**
 * Fds in flight on unix sockets are one account per user, and sends fail with ETOOMANYREFS once it holds more than the
 * sender's RLIMIT_NOFILE. What all sandboxees together could put there must stay below the broker's own limit.
 *
 * @throws OptionError where one more sandboxee with `openFiles` would go beyond
 */
export function promiseFds(openFiles: number): Disposable {
  const share = openFiles + IN_ONE_MESSAGE;
  const own = ownOpenFilesLimit();
  if (promised + share >= own) {
    throw new OptionError(
      'limits.openFiles',
      `${openFiles} (and ${IN_ONE_MESSAGE} in flight) on top of the ${promised} promised to other sandboxees is more than ` +
        `this process's own limit of ${own}: lower it, end other sandboxees, or raise the limit (ulimit -n)`,
    );
  }
  promised += share;
  let returned = false;
  return {
    [Symbol.dispose]: () => {
      if (!returned) promised -= share;
      returned = true;
    },
  };
}

/** The soft limit, which Node raises to the hard one when it starts. */
function ownOpenFilesLimit(): number {
  const text = readFileSync('/proc/self/limits', 'latin1');
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  return soft === 'unlimited' ? Infinity : Number(soft);
}
