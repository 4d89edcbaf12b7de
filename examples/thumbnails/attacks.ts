import { describeResult, PeerGone, type Result, TimeoutError } from 'sallyport';
import type { Thumbnailer } from './thumbnailer.js';
import type { Attack } from './thumbnails.js';

const ATTACKS: readonly { readonly attack: Attack; readonly says: string }[] = [
  { attack: 'read-file', says: 'read /etc/passwd' },
  { attack: 'open-socket', says: 'connect to 192.0.2.1:443' },
  { attack: 'start-shell', says: 'start /bin/sh' },
];

/** Tells the sandboxee to misbehave, and each time reports how it ended; the thumbnailer then starts another. */
export async function demonstrateAttacks(thumbnailer: Thumbnailer, report: (line: string) => void): Promise<void> {
  for (const { attack, says } of ATTACKS) {
    const result = await provoke(thumbnailer, attack);
    const verdict = result.status === 'violation' ? 'stopped' : 'NOT STOPPED AS EXPECTED';
    report(`${says}: ${verdict}. ${describeResult(result)}`);
  }
}

export async function provoke(thumbnailer: Thumbnailer, kind: Attack): Promise<Result> {
  const { sandboxee, thumbnails } = await thumbnailer.helper();
  try {
    await thumbnails.attack({ kind }, { timeout: 10_000 });
  } catch (error) {
    if (!(error instanceof PeerGone || error instanceof TimeoutError)) throw error;
  }
  sandboxee.kill('it survived its attack');
  return sandboxee.result;
}
