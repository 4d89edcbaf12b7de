/** The same script, with the same imports, for both: forked it speaks Node's IPC, sandboxed it goes through the gate first. */
import { sandboxMeHere } from 'sallyport/sandboxee';

if (process.send) {
  process.send('ready');
  process.on('message', () => {});
} else {
  const gate = await sandboxMeHere();
  await gate.comms.sendString('ready');
  await gate.comms.recvString();
}
