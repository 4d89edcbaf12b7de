import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { launch, node, policies, type Sandboxee } from 'sallyport';
import { alternate, median, printTable, type Variant } from './alternate.js';

const script = new URL('./ring.child.js', import.meta.url);

/** How long one figure is measured. Milliseconds. */
const SLICE = 60;
const IN_FLIGHT = 64;
/** Bytes in flight at most, so that large messages do not measure the allocator. */
const WINDOW = 4 * 1024 * 1024;

/** What one variant can do, whatever carries it. */
interface Peer {
  readonly name: string;
  /** One message there and back. */
  trip(size: number): Promise<void>;
  send(size: number): Promise<void> | void;
  received(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Bytes there and back over comms, against Node's own ways. The sandboxee is sandboxed, and every message is parsed.
 * On one CPU nobody spins; on two, this thread has the first and whoever it speaks to the second.
 */
export async function benchRing(rounds: number, sizes: readonly number[], cpus: 1 | 2): Promise<void> {
  // Whatever is started inherits it.
  bind(cpus - 1);
  const policy = policies.node().build();
  const echo = await launch(node(script), { policy });
  const blocking = await launch(node(script, { args: ['blocking'] }), { policy });
  const sink = await launch(node(script, { args: ['sink'] }), { policy });
  const peers = [
    forkPeer(),
    workerPeer('worker_threads copy', false),
    workerPeer('worker_threads transfer', true),
    commsPeer('sallyport', echo, sink),
    commsPeer('sallyport, blocking inside', blocking, sink),
  ];
  await setTimeout(500);
  bind(0);
  try {
    for (const size of sizes) {
      await table(`round trip of ${size} bytes`, 'µs', peers, rounds, (peer) => roundTrips(peer, size));
      await table(`pipelined, ${size} bytes`, 'µs per message', peers, rounds, (peer) => pipelined(peer, size));
      await table(`one way, ${size} bytes`, 'µs per message', peers.slice(0, 4), rounds, (peer) => oneWay(peer, size));
    }
  } finally {
    await Promise.all([...peers, echo, blocking, sink].map((peer) => peer.close()));
  }
}

/** This thread alone. */
function bind(cpu: number): void {
  const { status, error } = spawnSync('taskset', ['-c', '-p', String(cpu), String(process.pid)]);
  if (status !== 0) throw new Error(`taskset (package util-linux) is needed to bind to a CPU: ${error?.message ?? ''}`);
}

async function table(
  title: string,
  unit: string,
  peers: readonly Peer[],
  rounds: number,
  measure: (peer: Peer) => Promise<number>,
): Promise<void> {
  const variants: Variant[] = peers.map((peer) => ({ name: peer.name, run: () => measure(peer) }));
  printTable(title, unit, await alternate(variants, rounds, 1));
}

/** Median. */
async function roundTrips(peer: Peer, size: number): Promise<number> {
  const figures: number[] = [];
  const end = performance.now() + SLICE;
  while (performance.now() < end || figures.length < 3) {
    const start = process.hrtime.bigint();
    await peer.trip(size);
    figures.push(Number(process.hrtime.bigint() - start) / 1e3);
  }
  return median(figures);
}

async function pipelined(peer: Peer, size: number): Promise<number> {
  const window = Math.max(2, Math.min(IN_FLIGHT, Math.floor(WINDOW / size)));
  const start = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    do {
      await peer.trip(size);
      done += 1;
    } while (performance.now() - start < SLICE);
  };
  await Promise.all(Array.from({ length: window }, lane));
  return ((performance.now() - start) * 1000) / done;
}

async function oneWay(peer: Peer, size: number): Promise<number> {
  const batch = Math.max(2, Math.min(256, Math.floor(WINDOW / size)));
  const start = performance.now();
  let done = 0;
  do {
    for (let i = 1; i < batch; i += 1) void peer.send(size);
    await peer.send(size);
    done += batch;
    if (done % (batch * 4) === 0) await peer.received();
  } while (performance.now() - start < SLICE);
  await peer.received();
  return ((performance.now() - start) * 1000) / done;
}

const sources = new Map<number, Uint8Array<ArrayBuffer>>();

function source(size: number): Uint8Array<ArrayBuffer> {
  let found = sources.get(size);
  if (found === undefined) {
    found = new Uint8Array(size).fill(7);
    sources.set(size, found);
  }
  return found;
}

interface Message {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly sink: boolean;
  readonly transfer: boolean;
}

/** Answers come in the order of the questions. */
function messagePeer(
  name: string,
  transfer: boolean,
  post: (message: Message) => void,
  waiting: ((data: Uint8Array<ArrayBuffer>) => void)[],
  close: () => Promise<void>,
): Peer {
  const free: Uint8Array<ArrayBuffer>[] = [];
  const take = (size: number): Uint8Array<ArrayBuffer> => {
    if (!transfer) return source(size);
    const kept = free.pop();
    return kept?.length === size ? kept : new Uint8Array(size).fill(7);
  };
  const answer = (): Promise<Uint8Array<ArrayBuffer>> => new Promise((resolve) => waiting.push(resolve));
  return {
    name,
    async trip(size) {
      const back = answer();
      post({ data: take(size), sink: false, transfer });
      const data = await back;
      if (transfer) free.push(data);
    },
    send(size) {
      post({ data: transfer ? new Uint8Array(size).fill(7) : source(size), sink: true, transfer });
    },
    async received() {
      const back = answer();
      post({ data: new Uint8Array(0), sink: true, transfer: false });
      await back;
    },
    close,
  };
}

function forkPeer(): Peer {
  const child: ChildProcess = fork(script, { serialization: 'advanced' });
  const waiting: ((data: Uint8Array<ArrayBuffer>) => void)[] = [];
  child.on('message', (message: Message) => waiting.shift()?.(message.data));
  return messagePeer(
    'child_process.fork advanced',
    false,
    (message) => child.send(message),
    waiting,
    async () => {
      child.kill('SIGKILL');
    },
  );
}

function workerPeer(name: string, transfer: boolean): Peer {
  const worker = new Worker(script);
  const waiting: ((data: Uint8Array<ArrayBuffer>) => void)[] = [];
  worker.on('message', (message: Message) => waiting.shift()?.(message.data));
  const post = (message: Message): void => worker.postMessage(message, message.transfer ? [message.data.buffer] : []);
  return messagePeer(name, transfer, post, waiting, async () => {
    await worker.terminate();
  });
}

function commsPeer(name: string, { comms }: Sandboxee, sink: Sandboxee): Peer {
  return {
    name,
    async trip(size) {
      const back = comms.recvBytes();
      await comms.sendBytes(source(size));
      await back;
    },
    send: (size) => sink.comms.sendBytes(source(size)),
    async received() {
      void sink.comms.sendBytes(source(0));
      await sink.comms.recvBytes();
    },
    close: async () => {},
  };
}
