/**
 * A static program in C, filtered from its first instruction by the tightest policy that it runs with: it sees no file and no
 * process, and may read, speak to the broker, map the memory that the broker made, and exit.
 */
import { fileURLToPath } from 'node:url';
import { describeResult, Fd, launch, PolicyBuilder, program } from 'sallyport';

const KINDS = 256;
const MOST = 2 ** 30;

const policy = new PolicyBuilder()
  .allowStaticStartup()
  .allowComms()
  .allowSyscall('read')
  .allowSharedMemory()
  .allowExit()
  .build();

/** From dist/examples/static to the program that `npm run build` makes of static.c. */
const binary = new URL('../../../native/build/Release/example-static', import.meta.url);
const path = process.argv[2] ?? fileURLToPath(binary);

await using sandboxee = await launch(program(binary), { policy, limits: { wallTime: 10_000 } });
const { comms } = sandboxee;
await comms.sendInt32(MOST);
await comms.sendFd(Fd.open(path));
await comms.sendBuffer(sandboxee.createBuffer(KINDS * 8, 'writable'));

const total = await comms.recvUint64();
using counters = await comms.recvBuffer();
const word = await comms.recvString({ max: 16 });
const first = await comms.recvBytes({ max: 16 });
const counts = new BigUint64Array(new Uint8Array(counters.copyOut()).buffer);
const kinds = counts.filter((count) => count > 0n).length;
console.log(
  `${path}: ${total} bytes of ${kinds} kinds, which looks like ${word}; it begins with ${first.toString('hex')}`,
);
console.log(`The program ${describeResult(await sandboxee.result)}.`);
