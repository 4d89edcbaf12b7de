import { launch, node, policies } from 'sallyport';
import { SLICE } from './carrier.js';
import type { Peer } from './peer.js';

const NANOSECONDS = 1000;

/**
 * Bytes over comms that the sandboxee sends and waits for with its thread blocked, and which the broker's event loop sends back
 * (the broker never blocks). No typed call: those do not block. The sandboxee has the clock.
 */
export async function callSyncPeer(): Promise<Peer<'callSync'>> {
  const sandboxee = await launch(node(new URL('./call-sync.child.js', import.meta.url)), {
    policy: policies.node().build(),
  });
  const { comms } = sandboxee;
  return {
    name: 'callSync',
    measures: (row) => row === 'round-trip',
    async measure(_row, size) {
      await comms.sendUint32(size);
      await comms.sendUint32(SLICE);
      for (;;) {
        const data = await comms.recvBytes();
        if (data.length === 0) break;
        await comms.sendBytes(data);
      }
      const median = (await comms.recvUint32()) / NANOSECONDS;
      return { median, p99: (await comms.recvUint32()) / NANOSECONDS };
    },
    close: async () => {
      await sandboxee.close();
    },
  };
}
