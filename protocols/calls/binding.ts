import type { AnyInterface } from '../schema/interface.js';
import type { EventHub } from './event-hub.js';

/** How many remotes stand for one reference that the other side counts: it is told when the last is let go of. */
export interface Uses {
  count: number;
}

/**
 * What stands behind a remote: the id that names it to the other side. The methods of the remote hold it, so that it lives
 * as long as any of them, and a call keeps it while it is under way.
 */
export class Binding {
  readonly id: number;
  readonly interface: AnyInterface;
  readonly uses: Uses;
  /** Why it cannot be called, once that is known. */
  refusal: Error | null = null;
  isConnected: boolean;
  /** Once, when the remote is let go of; it must not hold the binding. */
  readonly onReleased: (() => void) | null;
  readonly hubs = new Map<number, EventHub>();

  constructor(
    id: number,
    target: AnyInterface,
    isConnected: boolean,
    uses: Uses = { count: 1 },
    onReleased: (() => void) | null = null,
  ) {
    this.id = id;
    this.interface = target;
    this.isConnected = isConnected;
    this.uses = uses;
    this.onReleased = onReleased;
  }
}
