// Runs as a sandboxee of its own: fd 3 is the broker's socket, the argument says what to do.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { enterGate, binding as sandboxee } from '../../native/sandboxee.js';
import { attackAddon } from '../support/build.js';

const COMMS = 3;
const TSYNC = 1;
const NEW_LISTENER = 8;
const TSYNC_ESRCH = 16;
const WAIT_KILLABLE_RECV = 32;
export const FLAGS = TSYNC | NEW_LISTENER | TSYNC_ESRCH | WAIT_KILLABLE_RECV;

const allowAll = Buffer.from('060000000000ff7f', 'hex');
const listenerFrame = Buffer.from('LISTENER');
const sealedFrame = Buffer.from('SEALED');

function report(value: unknown): void {
  const slab = new Uint8Array(64);
  const endpoint = new sandboxee.Endpoint(
    COMMS,
    { slab, budget: 64, keepFd: true },
    (filled) => filled,
    () => undefined,
  );
  endpoint.writeSync(Buffer.from(JSON.stringify(value)), [], -1);
}

/** A thread of its own, that may install a filter of its own. */
async function startThread(diverge: boolean): Promise<number> {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const attack = require(workerData.addon);
    const filter = Buffer.from('060000000000ff7f', 'hex');
    const program = Buffer.alloc(16);
    program.writeUInt16LE(1, 0);
    program.writeBigUInt64LE(attack.address(filter), 8);
    const PRCTL = 157, SECCOMP = 317, GETTID = 186;
    const failed = workerData.diverge && (attack.syscall(PRCTL, 38, 1, 0, 0, 0) || attack.syscall(SECCOMP, 1, 0, program));
    parentPort.postMessage(failed ? -1 : attack.syscall(GETTID));
    setInterval(() => undefined, 1000);`;
  const worker = new Worker(code, { eval: true, workerData: { addon: attackAddon(), diverge } });
  const [tid] = await once(worker, 'message');
  return tid;
}

function wrongArguments(): string[] {
  const wrong: unknown[][] = [
    ['3', allowAll, FLAGS, listenerFrame, sealedFrame],
    [COMMS, allowAll.subarray(1), FLAGS, listenerFrame, sealedFrame],
    [COMMS, Buffer.alloc(0), FLAGS, listenerFrame, sealedFrame],
    [COMMS, Buffer.alloc(4097 * 8, allowAll), FLAGS, listenerFrame, sealedFrame],
    [COMMS, allowAll, TSYNC, listenerFrame, sealedFrame],
    [COMMS, allowAll, -1, listenerFrame, sealedFrame],
    [COMMS, allowAll, FLAGS, Buffer.alloc(0), sealedFrame],
    [COMMS, allowAll, FLAGS, listenerFrame, 'text'],
    [COMMS, allowAll, TSYNC | NEW_LISTENER, listenerFrame, sealedFrame],
    [COMMS, Buffer.from('ffffffffffffffff', 'hex'), FLAGS, listenerFrame, sealedFrame],
  ];
  return wrong.map((values) => {
    try {
      (enterGate as (...values: unknown[]) => void)(...values);
      return 'entered';
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
}

const mode = process.argv[2];
if (mode === 'arguments') {
  report(wrongArguments());
} else if (mode === 'diverged') {
  const tid = await startThread(true);
  try {
    enterGate(COMMS, allowAll, FLAGS, listenerFrame, sealedFrame);
    report('entered');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    report({ tid, code, message });
  }
} else if (mode === 'enter') {
  await startThread(false);
  const filler = process.argv[3] === undefined ? 0 : Number(process.argv[3]);
  const [endpoint, done] = lifeline();
  // Leaves no room in the socket for the frames.
  if (filler > 0) endpoint.write(Buffer.alloc(filler), []);
  enterGate(COMMS, allowAll, FLAGS, listenerFrame, sealedFrame);
  await done;
}
process.exit(0);

/** Resolves at the end of fd 3. */
function lifeline(): [InstanceType<typeof sandboxee.Endpoint>, Promise<void>] {
  let end: () => void;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  const endpoint = new sandboxee.Endpoint(
    COMMS,
    { slab: new Uint8Array(64), budget: 64, keepFd: true },
    (filled, _fds, status) => {
      if (status !== 0) end();
      return filled;
    },
    () => undefined,
  );
  endpoint.start();
  return [endpoint, done];
}
