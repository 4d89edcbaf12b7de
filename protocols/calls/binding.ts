import type { AnyInterface } from '../schema/interface.js';
import type { EventHub } from './event-hub.js';

/**
 * What stands behind a remote: the id that names it to the other side. The methods of the remote hold it, so that it lives
 * as long as any of them, and a call keeps it while it is under way.
 */
export class Binding {
  readonly id: number;
  readonly interface: AnyInterface;
  /** Why it cannot be called, once that is known. */
  refusal: Error | null = null;
  isConnected: boolean;
  readonly hubs = new Map<number, EventHub>();

  constructor(id: number, target: AnyInterface, isConnected: boolean) {
    this.id = id;
    this.interface = target;
    this.isConnected = isConnected;
  }
}
