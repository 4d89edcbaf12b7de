import { describeResult, PeerGone, type Result } from 'sallyport';
import { type Attack, sendAttack } from './protocol.js';
import { Thumbnailer } from './thumbnailer.js';

const ATTACKS: readonly { readonly attack: Attack; readonly says: string }[] = [
  { attack: 'read-file', says: 'read /etc/passwd' },
  { attack: 'open-socket', says: 'connect to 192.0.2.1:443' },
  { attack: 'start-shell', says: 'start /bin/sh' },
];

/** Tells the sandboxee to misbehave, each time a new one, and reports how it ended. */
export async function demonstrateAttacks(report: (line: string) => void): Promise<void> {
  for (const { attack, says } of ATTACKS) {
    const result = await provoke(attack);
    const verdict = result.status === 'violation' ? 'stopped' : 'NOT STOPPED AS EXPECTED';
    report(`${says}: ${verdict}. ${describeResult(result)}`);
  }
}

export async function provoke(attack: Attack): Promise<Result> {
  await using thumbnailer = new Thumbnailer();
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
