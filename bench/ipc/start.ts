import { socketPeer } from '../peers/c-socket.js';
import { callSyncPeer } from '../peers/call-sync.js';
import { callPeers } from '../peers/calls.js';
import { forkPeer } from '../peers/fork.js';
import { netPeer } from '../peers/net-msgpackr.js';
import type { Cpus, Peer } from '../peers/peer.js';
import { piscinaPeer } from '../peers/piscina.js';
import { workerPeer } from '../peers/worker.js';
import type { PeerName, VariantName } from './result.js';

const starters: Readonly<Record<PeerName, (cpus: Cpus) => Peer<PeerName> | Promise<Peer<PeerName>>>> = {
  'fork-json': () => forkPeer('json'),
  'fork-advanced': () => forkPeer('advanced'),
  'worker-copy': () => workerPeer('copy'),
  'worker-transfer': () => workerPeer('transfer'),
  'net-msgpackr': netPeer,
  piscina: piscinaPeer,
  'c-socket': socketPeer,
};

/** Ours, and the peers that are wanted. */
export async function startAll(wanted: readonly PeerName[], cpus: Cpus): Promise<Peer<VariantName>[]> {
  const started: Peer<VariantName>[] = [];
  try {
    started.push(...(await callPeers()), await callSyncPeer());
    for (const name of wanted) started.push(await starters[name](cpus));
    return started;
  } catch (error) {
    await closeAll(started);
    throw error;
  }
}

export async function closeAll(peers: readonly Peer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.close()));
}
