/** Works when it is told to, and answers with the microseconds of CPU time: `open`, `filtered` by its own choice, or a `sandboxee`. */
import { createHash, pbkdf2 } from 'node:crypto';
import { writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { deflate, inflateSync } from 'node:zlib';

const derive = promisify(pbkdf2);
const compress = promisify(deflate);

const records = Array.from({ length: 4000 }, (_, id) => ({
  id,
  name: `record ${id}`,
  tags: ['a', 'b', String(id % 97)],
  place: { x: id / 7, y: id / 11 },
}));

/** On the main thread, on the thread pool, and on V8's threads, which collect the garbage. */
async function work(): Promise<number> {
  const before = process.cpuUsage();
  const text = JSON.stringify(records);
  const packed = await compress(text, { level: 6 });
  const copies = Array.from({ length: 12 }, () => JSON.parse(inflateSync(packed).toString()) as typeof records);
  await Promise.all([1, 2].map((salt) => derive(text, String(salt), 4000, 64, 'sha512')));
  const digest = createHash('sha256');
  for (const copy of copies) digest.update(JSON.stringify(copy.toReversed()));
  digest.digest();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const [mode, gateFd] = process.argv.slice(2);
// What Node loads with the first use, before the gate.
await work();

if (mode === 'sandboxee') {
  const { sandboxMeHere } = await import('sallyport/sandboxee');
  const { comms } = await sandboxMeHere();
  for (;;) {
    await comms.recvBool();
    await comms.sendUint32(await work());
  }
}
// Both of the others load the same: a larger heap takes longer to collect.
const [{ policies }, { enterGate }, { filterFlags }] = await Promise.all([
  import('sallyport'),
  import('../native/sandboxee.js'),
  import('../broker/kernel.js'),
]);
const { program } = policies.node().build().compile();
// Node makes it with the first use, and by syscalls that the filter refuses.
const { stdin } = process;
if (mode === 'filtered') enterGate(Number(gateFd), program, filterFlags(), Buffer.from('.'), Buffer.from('.'));
for await (const asked of stdin) {
  for (const _ of asked) writeSync(1, `${await work()}\n`);
}
