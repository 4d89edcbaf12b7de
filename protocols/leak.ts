/**
 * Finds owners that were dropped without close(). It only reports: the number of a leaked fd may by now be another file's,
 * and a finalizer runs when it likes, or never, so nothing is ever released here.
 */
interface Origin {
  readonly what: string;
  readonly stack: string;
}

/** The function or class that made the owner, left out of the stack with all that it called. */
export type Maker = ((...args: never[]) => unknown) | (new (...args: never[]) => unknown);

const DEPTH = 8;

const registry = new FinalizationRegistry<Origin>(({ what, stack }) => {
  process.emitWarning(`${what} was garbage collected without close(); it stays open. It was made\n${stack}`, {
    type: 'SallyportLeak',
    code: 'SALLYPORT_LEAK',
  });
});

export function watchForLeak(owner: object, what: string, maker: Maker): void {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = Math.min(limit, DEPTH);
  const trace = { stack: '' };
  Error.captureStackTrace(trace, maker);
  Error.stackTraceLimit = limit;
  // Only the text is kept: frames that are not yet formatted hold their receivers, the owner's owner among them.
  registry.register(owner, { what, stack: trace.stack.replace(/^Error\n/, '') }, owner);
}

/** Closed or moved: nothing to report any more. */
export function unwatch(owner: object): void {
  registry.unregister(owner);
}
