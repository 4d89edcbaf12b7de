import { Piscina } from 'piscina';
import { carried } from './carrier.js';
import { type Message, message, source, verify } from './message.js';
import type { Peer } from './peer.js';

const CONCURRENT = 64;

/** A pool of one worker, which copies. A message one way is a task without a result. */
export function piscinaPeer(): Peer<'piscina'> {
  const pool = new Piscina<Message, Message | undefined>({
    filename: new URL('./piscina.child.js', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: CONCURRENT,
  });
  return carried('piscina', {
    trip: (size) => pool.run(message('echo', source(size))),
    oneWay: (size, count) => Promise.all(Array.from({ length: count }, () => pool.run(message('sink', source(size))))),
    async bulk(size) {
      const answered = await pool.run(message('bulk', undefined, size));
      if (answered === undefined) throw new Error('no answer');
      verify(answered.data, size);
    },
    close: () => pool.destroy(),
  });
}
