/** A promise and the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function defer<T>(): Deferred<T> {
  let resolve: (value: T) => void = ignore;
  let reject: (reason: unknown) => void = ignore;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

const resolved: Promise<void> = Promise.resolve();

/** Runs it when the code that runs now is done. Not queueMicrotask: Node makes an async resource of each. */
export function afterTurn(task: () => void): void {
  void resolved.then(task);
}

/**
 * For a rejection whose moment the peer chooses: a caller that awaits the promise later, or never, must not end the process
 * by an unhandled rejection. Whoever awaits it still gets the error.
 */
export function markHandled(promise: Promise<unknown>): void {
  promise.catch(ignore);
}

export function rejected(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason);
  markHandled(promise);
  return promise;
}

/** Passes its first call on, and no other. */
export function once<T>(callback: ((value: T) => void) | undefined): (value: T) => void {
  let waiting = callback;
  return (value) => {
    const call = waiting;
    waiting = undefined;
    call?.(value);
  };
}

function ignore(): void {}
