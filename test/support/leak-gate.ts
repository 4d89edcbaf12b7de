import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { type Holdings, holdings, lastingLeaks } from './leaks.js';

/** Every suite ends here: no fd, process, mount, mapping, thread or cgroup may be left that was not there when it began. */
export function leakGate(): void {
  let atStart: Holdings;

  before(async () => {
    await makeFirstStream();
    // The thread pool starts with its first task.
    await stat('/');
    atStart = holdings();
  });

  after(async () => {
    const found = await lastingLeaks(atStart);
    if (found.length > 0)
      throw new Error(`left behind, ${found.length}:\n  ${found.slice(0, MOST_LINES).join('\n  ')}`);
  });
}

const MOST_LINES = 40;

/** With its first stream libuv opens /dev/null, which it keeps for when the process has no more fds. */
function makeFirstStream(): Promise<void> {
  return new Promise((resolve) => connect({ path: '/nowhere/at/all' }).once('error', () => resolve()));
}
