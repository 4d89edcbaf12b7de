import { launch, MiB, node, policies } from 'sallyport';
import { carried } from './carrier.js';
import { Bench, LARGEST_BUFFER } from './interface.js';
import { NAME, source, verify } from './message.js';
import type { Peer } from './peer.js';

type Variant = 'call' | 'copy-out' | 'zero-copy';

/**
 * Typed calls to a sandboxee behind its gate; a message one way is an item of a stream, which has credit. In bulk, `copy-out`
 * copies before anything looks, always to the same place, and `zero-copy` looks at memory that the sandboxee can still write.
 */
export async function callPeers(): Promise<Peer<Variant>[]> {
  const sandboxee = await launch(node(new URL('./calls.child.js', import.meta.url)), {
    policy: policies.node().build(),
    limits: { memory: 768 * MiB, sharedMemory: 128 * MiB },
  });
  const bench = sandboxee.connect(Bench);
  // Not before it is used: an ArrayBuffer of that size has V8 collect garbage all the time, in every row.
  let copy: Buffer | undefined;
  const bulk = {
    'copy-out': async (size: number): Promise<void> => {
      using buffer = (await bench.writable({ size })).buffer;
      copy ??= Buffer.allocUnsafeSlow(LARGEST_BUFFER);
      buffer.copyInto(copy);
      verify(copy, size);
    },
    'zero-copy': async (size: number): Promise<void> => {
      using buffer = (await bench.unsafe({ size })).buffer;
      verify(buffer.unsafeLastingBytes(), size);
    },
  };
  const carrier = {
    trip: (size: number) => bench.echo({ id: 1, name: NAME, data: source(size) }),
    async oneWay(size: number, count: number) {
      let came = 0;
      for await (const _message of bench.messages({ size, count })) came += 1;
      if (came !== count) throw new Error(`${came} of ${count} messages`);
    },
    close: async () => {},
  };
  return [
    carried(
      'call',
      { ...carrier, bulk: bulk['copy-out'], close: () => sandboxee.close().then(() => {}) },
      (row) => row !== 'bulk',
    ),
    carried('copy-out', { ...carrier, bulk: bulk['copy-out'] }, (row) => row === 'bulk'),
    carried('zero-copy', { ...carrier, bulk: bulk['zero-copy'] }, (row) => row === 'bulk'),
  ];
}
