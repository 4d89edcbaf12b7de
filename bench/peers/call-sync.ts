import { launch, MiB, node, policies } from 'sallyport';
import { service } from 'sallyport/protocols';
import { SLICE } from './carrier.js';
import { Blocker, Echo } from './interface.js';
import type { Peer } from './peer.js';

const NANOSECONDS = 1000;

/** The call that blocks: the sandboxee's thread waits, and the broker's event loop answers. The sandboxee has the clock. */
export async function callSyncPeer(): Promise<Peer<'callSync'>> {
  const sandboxee = await launch(node(new URL('./call-sync.child.js', import.meta.url)), {
    policy: policies.node().build(),
    limits: { memory: 768 * MiB },
    services: [service(Echo, { echo: (message) => message })],
  });
  const blocker = sandboxee.connect(Blocker);
  return {
    name: 'callSync',
    measures: (row) => row === 'round-trip',
    async measure(_row, size) {
      const { median, p99 } = await blocker.measure({ size, milliseconds: SLICE });
      return { median: median / NANOSECONDS, p99: p99 / NANOSECONDS };
    },
    close: async () => {
      await sandboxee.close();
    },
  };
}
