import type { Kit } from '../support/puppet.js';

export interface Feature {
  readonly name: string;
  /** Runs inside, after the gate; true where all is as it should be. */
  readonly works: (kit: Required<Kit>) => boolean | Promise<boolean>;
}

/** What a program may expect of Node that has neither files nor sockets nor processes. */
export const FEATURES: readonly Feature[] = [
  { name: 'JSON', works: () => JSON.parse(JSON.stringify({ a: [1, 'ü', null] })).a[1] === 'ü' },
  { name: 'regular expressions', works: () => 'a1b22'.replace(/\d+/gu, (digits) => `<${digits}>`) === 'a<1>b<22>' },
  {
    name: 'a hot loop, which V8 compiles and compiles again',
    works: () => {
      const add = (a: unknown, b: unknown) => (a as number) + (b as number);
      let sum = 0;
      for (let at = 0; at < 3_000_000; at += 1) sum = add(sum, at & 7);
      return sum === 10_500_000 && String(add('a', 'b')) === 'ab';
    },
  },
  {
    name: 'garbage collection of a few hundred MiB in passing',
    works: () => {
      let last: unknown;
      for (let at = 0; at < 300_000; at += 1) last = { at, text: `${at}`.repeat(50), list: Array.from({ length: 10 }) };
      return last !== undefined;
    },
  },
  {
    name: 'code that is made of text',
    works: () => new Function('a', 'return a * 2')(21) === 42 && new Function('return eval("6 * 7")')() === 42,
  },
  {
    name: 'vm',
    works: ({ require }) => require('node:vm').runInNewContext('a + 1', { a: 41 }, { timeout: 1000 }) === 42,
  },
  {
    name: 'crypto that waits',
    works: ({ modules: { crypto } }) => {
      const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
      const signature = crypto.sign(null, Buffer.from('x'), privateKey);
      const hash = crypto.createHash('sha256').update('abc').digest('hex');
      const key = crypto.pbkdf2Sync('p', 's', 1000, 16, 'sha512');
      return (
        crypto.verify(null, Buffer.from('x'), publicKey, signature) &&
        hash.startsWith('ba7816bf') &&
        key.length === 16 &&
        crypto.randomBytes(64).some((byte) => byte !== 0) &&
        crypto.randomUUID().length === 36
      );
    },
  },
  {
    name: 'crypto in the thread pool',
    works: async ({ modules: { crypto } }) => {
      const derived = await Promise.all(
        Array.from(
          { length: 8 },
          () => new Promise((resolve) => crypto.scrypt('p', 's', 16, (_error, key) => resolve(key.length))),
        ),
      );
      const random = await new Promise<Buffer>((resolve, reject) => {
        crypto.randomBytes(8, (error, bytes) => (error ? reject(error) : resolve(bytes)));
      });
      const pair = await new Promise<boolean>((resolve) => {
        crypto.generateKeyPair('ec', { namedCurve: 'P-256' }, (error) => resolve(error === null));
      });
      const digest = await crypto.webcrypto.subtle.digest('SHA-256', Buffer.from('abc'));
      return derived.every((length) => length === 16) && random.length === 8 && pair && digest.byteLength === 32;
    },
  },
  {
    name: 'zlib, both ways of it',
    works: async ({ modules: { zlib } }) => {
      const text = Buffer.from('sally port '.repeat(10_000));
      const async = await new Promise<Buffer>((resolve, reject) => {
        zlib.gzip(text, (error, packed) => (error ? reject(error) : resolve(packed)));
      });
      const brotli = zlib.brotliDecompressSync(zlib.brotliCompressSync(text));
      return (
        zlib.gunzipSync(async).equals(text) &&
        zlib.inflateSync(zlib.deflateSync(text)).equals(text) &&
        brotli.equals(text)
      );
    },
  },
  {
    name: 'timers of every kind',
    works: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise<void>((resolve) => {
        let rounds = 0;
        const timer = setInterval(() => {
          rounds += 1;
          if (rounds < 3) return;
          clearInterval(timer);
          resolve();
        }, 1);
      });
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      return performance.now() > 0 && process.hrtime.bigint() > 0n && Date.now() > 0;
    },
  },
  {
    name: 'Intl, with time zones and languages',
    works: () => {
      const date = new Date(Date.UTC(2026, 0, 2, 12));
      const tokyo = new Intl.DateTimeFormat('de', {
        timeZone: 'Asia/Tokyo',
        dateStyle: 'long',
        timeStyle: 'short',
      }).format(date);
      const number = new Intl.NumberFormat('de').format(1234567.5);
      const sorted = ['z', 'ä', 'a'].sort(new Intl.Collator('de').compare).join('');
      date.getTimezoneOffset();
      return (
        tokyo.includes('2. Januar 2026') && tokyo.includes('21:00') && number === '1.234.567,5' && sorted === 'aäz'
      );
    },
  },
  {
    name: 'text in other encodings',
    works: () =>
      new TextDecoder('shift_jis').decode(Buffer.of(0x82, 0xa0)) === 'あ' &&
      new TextDecoder('utf-16le').decode(Buffer.from('ü', 'utf16le')) === 'ü' &&
      new URL('https://exämple.org/a?b=c').hostname.startsWith('xn--'),
  },
  {
    name: 'streams',
    works: async ({ require, modules: { zlib } }) => {
      const { Readable, Writable } = require('node:stream');
      const { pipeline } = require('node:stream/promises');
      let bytes = 0;
      const sink = new Writable({
        write(chunk: Buffer, _encoding: string, done: () => void) {
          bytes += chunk.length;
          done();
        },
      });
      await pipeline(Readable.from([Buffer.alloc(100_000)]), zlib.createGzip(), zlib.createGunzip(), sink);
      return bytes === 100_000;
    },
  },
  {
    name: 'worker threads, with shared memory, and their end',
    works: async ({ modules: { worker_threads } }) => {
      const source = `const { parentPort, workerData } = require('node:worker_threads');
        Atomics.add(new Int32Array(workerData), 0, 5);
        parentPort.once('message', (value) => parentPort.postMessage(value * 2));`;
      const shared = new SharedArrayBuffer(4);
      const worker = new worker_threads.Worker(source, { eval: true, workerData: shared });
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      const answer = new Promise((resolve) => worker.once('message', resolve));
      worker.postMessage(21);
      return (await answer) === 42 && (await exited) === 0 && new Int32Array(shared)[0] === 5;
    },
  },
  {
    name: 'message channels, structured clones, aborts, async contexts',
    works: async ({ require, modules: { worker_threads } }) => {
      const { AsyncLocalStorage } = require('node:async_hooks');
      const { port1, port2 } = new worker_threads.MessageChannel();
      const arrived = new Promise<Map<string, number>>((resolve) => port2.once('message', resolve));
      port1.postMessage(structuredClone(new Map([['a', 1]])));
      const storage = new AsyncLocalStorage();
      const stored = await storage.run(7, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return storage.getStore();
      });
      const aborted = AbortSignal.timeout(1);
      await new Promise((resolve) => aborted.addEventListener('abort', resolve));
      const map = await arrived;
      port1.close();
      return map.get('a') === 1 && stored === 7;
    },
  },
  {
    name: 'what os and process tell',
    works: ({ modules: { os } }) => {
      process.cpuUsage();
      process.resourceUsage();
      os.loadavg();
      os.cpus();
      return (
        os.hostname() !== '' &&
        os.type() === 'Linux' &&
        os.totalmem() > 0 &&
        os.freemem() > 0 &&
        os.uptime() > 0 &&
        os.release() !== '' &&
        os.machine() !== '' &&
        os.availableParallelism() > 0 &&
        process.uptime() > 0 &&
        process.cwd() === '/' &&
        process.pid > 0 &&
        (process.getuid?.() ?? 0) > 0 &&
        process.version.startsWith('v')
      );
    },
  },
  {
    name: 'figures of the heap',
    works: ({ require }) => require('node:v8').getHeapStatistics().used_heap_size > 0,
  },
  {
    name: 'handlers of what nobody caught',
    works: async () => {
      const caught: string[] = [];
      process.once('uncaughtException', (error) => caught.push(error.message));
      process.once('unhandledRejection', (reason) => caught.push(String(reason)));
      setImmediate(() => {
        throw new Error('thrown');
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
      void Promise.reject('rejected');
      await new Promise((resolve) => setTimeout(resolve, 5));
      return caught.join() === 'thrown,rejected';
    },
  },
];

/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const ADD = '0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b';

export const WEB_ASSEMBLY: Feature = {
  name: 'WebAssembly',
  works: new Function(
    `return async () => {
      const bytes = Buffer.from('${ADD}', 'hex');
      const { instance } = await WebAssembly.instantiate(bytes);
      const again = new WebAssembly.Instance(new WebAssembly.Module(bytes));
      return instance.exports.add(40, 2) === 42 && again.exports.add(1, 2) === 3;
    }`,
  )() as Feature['works'],
};
