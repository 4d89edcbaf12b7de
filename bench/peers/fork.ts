import { fork } from 'node:child_process';
import { carried } from './carrier.js';
import type { Message } from './message.js';
import { messenger } from './messages.js';
import type { Peer } from './peer.js';

const script = new URL('./fork.child.js', import.meta.url);
const LARGEST_JSON = 1024 * 1024;

/** `child_process.fork`. As JSON, a megabyte takes a quarter of a second: nothing larger is measured. */
export function forkPeer(serialization: 'json' | 'advanced'): Peer<'fork-json' | 'fork-advanced'> {
  const child = fork(script, { serialization });
  const { carrier, arrived, gone } = messenger(
    (message) => child.send(message),
    async () => {
      child.kill('SIGKILL');
    },
  );
  child.once('exit', gone);
  if (serialization === 'advanced') {
    child.on('message', (message: Message) => arrived(message));
    return carried('fork-advanced', carrier);
  }
  child.on('message', (message: Message) => arrived({ ...message, data: Buffer.from(message.data) }));
  return carried('fork-json', carrier, (_row, size) => size <= LARGEST_JSON);
}
