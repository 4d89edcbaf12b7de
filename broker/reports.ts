import { publish } from './diagnostics.js';
import type { Events } from './events.js';
import { callHook, hookFailed, type ResolvedHooks } from './hooks.js';
import type { MonitorHandlers } from './monitor/monitor.js';
import type { Denial, Result, Violation } from './result.js';

const MOST_DENIALS = 64;

/** Tells everybody who listens what happens to one sandboxee, and keeps the last denials for its result. */
export class Reports {
  readonly #events: Events;
  readonly #hooks: ResolvedHooks;
  readonly #pid: () => number;
  readonly #denials: Denial[] = [];

  constructor(events: Events, hooks: ResolvedHooks, pid: () => number) {
    this.#events = events;
    this.#hooks = hooks;
    this.#pid = pid;
  }

  /** Oldest first. */
  get denials(): readonly Denial[] {
    return [...this.#denials];
  }

  /** For the monitor; what ends the sandboxee is the session's to decide on. */
  handlers(ends: Pick<MonitorHandlers, 'onViolation' | 'onFailure'>): MonitorHandlers {
    return {
      onDenial: (denial) => this.#denied(denial),
      onDropped: (count) => this.#events.emit('denials-dropped', count),
      onPermitted: (permitted) => this.#events.emit('permitted', permitted),
      onPermittedDropped: (count) => this.#events.emit('permitted-dropped', count),
      onHookError: (error) => hookFailed('trace', this.#pid(), error),
      ...ends,
    };
  }

  violated(violation: Violation): void {
    const pid = this.#pid();
    publish('violation', { pid, violation });
    this.#events.emit('violation', violation);
    const hook = this.#hooks.violation;
    if (hook !== undefined) callHook('violation', pid, () => hook(violation));
  }

  /** Before the result resolves. */
  finished(result: Result): void {
    const hook = this.#hooks.finished;
    if (hook !== undefined) callHook('finished', this.#pid(), () => hook(result));
  }

  /** When it has. */
  ended(result: Result): void {
    publish('result', { pid: this.#pid(), result });
    this.#events.emit('result', result);
  }

  #denied(denial: Denial): void {
    this.#denials.push(denial);
    if (this.#denials.length > MOST_DENIALS) this.#denials.shift();
    publish('denial', { pid: this.#pid(), denial });
    this.#events.emit('denial', denial);
  }
}
