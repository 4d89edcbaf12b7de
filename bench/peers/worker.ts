import { Worker } from 'node:worker_threads';
import { carried } from './carrier.js';
import type { Message } from './message.js';
import { messenger } from './messages.js';
import type { Peer } from './peer.js';

const script = new URL('./worker.child.js', import.meta.url);

export function workerPeer(passing: 'copy' | 'transfer'): Peer<'worker-copy' | 'worker-transfer'> {
  const worker = new Worker(script);
  const { carrier, arrived, gone } = messenger(
    (message) => worker.postMessage(message, message.transfer && message.data.length > 0 ? [message.data.buffer] : []),
    async () => {
      await worker.terminate();
    },
    passing,
  );
  worker.once('exit', gone);
  worker.on('message', (message: Message) => arrived(message));
  return carried(`worker-${passing}`, carrier);
}
