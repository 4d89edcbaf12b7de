import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { benchProgram } from '../../test/support/build.js';
import { batchFor, SLICE, windowFor } from './carrier.js';
import type { Cpus, Peer } from './peer.js';

/** Two processes in C and a socketpair: bytes, without anything that encodes or checks them. */
export function socketPeer([own, others]: Cpus): Peer<'c-socket'> {
  const program = benchProgram('socket-pair');
  return {
    name: 'c-socket',
    measures: () => true,
    async measure(row, size) {
      const several = row === 'pipelined' ? windowFor(size) : batchFor(size);
      const args = [row, size, several, SLICE, own, others].map(String);
      const { stdout } = await promisify(execFile)(program, args);
      const [median = Number.NaN, p99 = Number.NaN] = stdout.trim().split(' ').map(Number);
      return { median, p99 };
    },
    close: async () => {},
  };
}
