import { FIRST_BINDING } from './limits.js';

/**
 * Remotes in a message are named by ids of whoever sends it. One that goes back to its own side is named by that side's: the
 * highest bit says so, and the next one that it is of connect().
 */
const OF_CONNECT = 0x40000000;

/** Ids of what is passed are below this. */
export const END_OF_PASSED = OF_CONNECT;

export function giveBackId(id: number): number {
  return FIRST_BINDING + (id >= FIRST_BINDING ? id - FIRST_BINDING + OF_CONNECT : id);
}

export function isGivenBack(id: number): boolean {
  return id >= FIRST_BINDING;
}

/** The receiver's own id of what it is given back. */
export function ownId(id: number): number {
  const own = id - FIRST_BINDING;
  return own >= OF_CONNECT ? own - OF_CONNECT + FIRST_BINDING : own;
}
