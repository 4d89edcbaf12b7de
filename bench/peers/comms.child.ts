/** Sends back whatever comes; as `sink` it sends back the empty message alone. */
import { sandboxMeHere } from 'sallyport/sandboxee';

const { comms } = await sandboxMeHere();
if (process.argv[2] === 'blocking') for (;;) comms.sendBytesSync(comms.recvBytesSync());
for (;;) {
  const data = await comms.recvBytes();
  if (process.argv[2] !== 'sink' || data.length === 0) void comms.sendBytes(data);
}
