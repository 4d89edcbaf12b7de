/** Sends back whatever comes, over Node's IPC, a worker's port or comms; `sink` counts instead, and answers the empty message. */
import { isMainThread, parentPort, type TransferListItem } from 'node:worker_threads';

if (!isMainThread) {
  parentPort?.on('message', (message: { data: Uint8Array<ArrayBuffer>; transfer: boolean; sink: boolean }) => {
    if (message.sink && message.data.length > 0) return;
    const list: TransferListItem[] = message.transfer ? [message.data.buffer] : [];
    parentPort?.postMessage(message, list);
  });
} else if (process.send) {
  process.on('message', (message: { data: Uint8Array; sink: boolean }) => {
    if (!message.sink || message.data.length === 0) process.send?.(message);
  });
} else {
  const { sandboxMeHere } = await import('sallyport/sandboxee');
  const { comms } = await sandboxMeHere();
  if (process.argv[2] === 'blocking') for (;;) comms.sendBytesSync(comms.recvBytesSync());
  for (;;) {
    const data = await comms.recvBytes();
    if (process.argv[2] !== 'sink' || data.length === 0) void comms.sendBytes(data);
  }
}
