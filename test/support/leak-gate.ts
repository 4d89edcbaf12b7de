import { type Holdings, holdings, lastingLeaks } from './leaks.js';

/** Every suite ends here: no fd, process, mount, mapping or thread may be left that was not there when it began. */
export function leakGate(): void {
  let atStart: Holdings;

  before(() => {
    atStart = holdings();
  });

  after(async () => {
    const found = await lastingLeaks(atStart);
    if (found.length > 0) throw new Error(`left behind:\n  ${found.join('\n  ')}`);
  });
}
