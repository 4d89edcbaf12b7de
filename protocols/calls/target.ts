import type { IncomingCall } from './incoming-call.js';
import type { Service } from './service.js';
import type { Subscription } from './subscription.js';

/** Something that the peer may call, by an id. A connection to what is not served yet waits, and with it its calls. */
export class Target {
  readonly id: number;
  readonly name: string;
  references = 1;
  /** null: not served yet, or refused. */
  service: Service | null;
  isRefused = false;
  /** Of a connection that waits. */
  hash: Buffer | null = null;
  patience: NodeJS.Timeout | undefined;
  readonly waiting: IncomingCall[] = [];
  /** Ordinals of events that were asked for while it waits. */
  readonly wanted = new Set<number>();
  readonly subscriptions = new Map<number, Subscription>();

  constructor(id: number, name: string, service: Service | null) {
    this.id = id;
    this.name = name;
    this.service = service;
  }

  /** Calls that run go on; whoever listens no longer hears. */
  close(): void {
    clearTimeout(this.patience);
    for (const subscription of this.subscriptions.values()) subscription.close();
    this.subscriptions.clear();
    this.wanted.clear();
  }
}
