import { describeResult, PeerGone, type Result } from 'sallyport';
import { type Attack, sendAttack } from './protocol.js';
import type { Thumbnailer } from './thumbnailer.js';

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

async function provoke(thumbnailer: Thumbnailer, attack: Attack): Promise<Result> {
  const sandboxee = await thumbnailer.sandboxee();
  await sendAttack(sandboxee.comms, attack);
  try {
    await sandboxee.comms.recvValue();
    sandboxee.kill('it survived its attack');
  } catch (error) {
    if (!(error instanceof PeerGone)) throw error;
  }
  return sandboxee.result;
}
