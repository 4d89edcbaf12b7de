/** Sandbox2's smallest example: the broker sends bytes, the sandboxee answers with their CRC-4. */
import { launch, node, policies } from 'sallyport';

await using sandboxee = await launch(node(new URL('./crc4.worker.js', import.meta.url)), {
  policy: policies.node().build(),
  limits: { wallTime: 10_000 },
});
const text = process.argv[2] ?? 'hello';
await sandboxee.comms.sendBytes(Buffer.from(text));
const checksum = await sandboxee.comms.recvUint8();
console.log(`CRC-4 of ${JSON.stringify(text)}: 0x${checksum.toString(16)}`);
