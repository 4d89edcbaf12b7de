import { availableParallelism } from 'node:os';
import * as native from '../native/broker.js';
import { Seal } from '../native/shared.js';
import { type RingOffer, ringDefaults } from '../protocols/ring.js';

/** Of the host and not of this moment: whoever binds the broker to one CPU may bind the sandboxee to another. */
const SPIN = availableParallelism() > 1 ? ringDefaults.spin : 0;

/** For a sandboxee that runs our SDK: no other program reads an offer. */
export function ringOffer(): RingOffer {
  return { kind: 'offer', ...ringDefaults, spin: SPIN, make: makeRingMemory };
}

export function makeRingMemory(size: number): number {
  const fd = native.createMemory('sallyport-ring', size, { executable: false });
  try {
    native.seal(fd, Seal.Shrink | Seal.Grow | Seal.Seal);
    return fd;
  } catch (error) {
    native.closeLater(fd);
    throw error;
  }
}
