import { launch, node, policies } from 'sallyport';
import { carried } from './carrier.js';
import { source } from './message.js';
import type { Peer, Row } from './peer.js';

const script = new URL('./comms.child.js', import.meta.url);

/** Bytes over comms, without calls. With `blocking` the sandboxee's thread waits inside of receive, and sends nothing one way. */
export async function commsPeer(inside: 'async' | 'blocking'): Promise<Peer> {
  const policy = policies.node().build();
  const echo = await launch(node(script, { args: [inside] }), { policy });
  const sink = await launch(node(script, { args: ['sink'] }), { policy });
  const measures = (row: Row): boolean => row !== 'bulk' && (inside === 'async' || row !== 'one-way');
  return carried(
    inside === 'async' ? 'sallyport' : 'sallyport, blocking inside',
    {
      async trip(size) {
        const back = echo.comms.recvBytes();
        await echo.comms.sendBytes(source(size));
        await back;
      },
      async oneWay(size, count) {
        for (let sent = 1; sent < count; sent += 1) void sink.comms.sendBytes(source(size));
        await sink.comms.sendBytes(source(size));
        void sink.comms.sendBytes(source(0));
        await sink.comms.recvBytes();
      },
      bulk: () => Promise.reject(new Error('bytes over comms have no bulk')),
      close: async () => {
        await Promise.all([echo.close(), sink.close()]);
      },
    },
    measures,
  );
}
