import { availableParallelism } from 'node:os';
import * as native from '../native/broker.js';
import { Seal } from '../native/shared.js';
import { type RingOffer, ringDefaults } from '../protocols/ring.js';

/** For a sandboxee that runs our SDK: no other program reads an offer. */
export function ringOffer(): RingOffer {
  const spin = availableParallelism() > 1 ? ringDefaults.spin : 0;
  return { kind: 'offer', ...ringDefaults, spin, make: makeRingMemory };
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
