import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { isAlive, untilGone } from '../support/processes.js';

const fixture = fileURLToPath(new URL('../fixtures/broker.js', import.meta.url));

interface Broker {
  readonly child: ChildProcess;
  /** Launchers and sandboxees. */
  readonly pids: readonly number[];
  next(): Promise<string | undefined>;
}

async function startBroker(then: 'wait' | 'exit' | 'dispose'): Promise<Broker> {
  const child = spawn(process.execPath, [fixture, then], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  const { ready } = JSON.parse((await next()) ?? '{}') as { ready: number[] };
  return { child, pids: ready, next };
}

describe('when the broker is gone', () => {
  leakGate();

  it('by SIGKILL, its sandboxees are gone, and their launchers', async () => {
    const { child, pids } = await startBroker('wait');
    expect(pids).to.have.length(6);
    expect(pids.filter(isAlive)).to.deep.equal(pids);
    child.kill('SIGKILL');
    await once(child, 'close');
    await untilGone(pids);
  });

  it('by an exit of its own while they run, they are gone', async () => {
    const { child, pids } = await startBroker('exit');
    expect(pids).to.have.length(6);
    await once(child, 'close');
    await untilGone(pids);
  });

  it('by a signal that a terminal sends, they are gone', async () => {
    const { child, pids } = await startBroker('wait');
    child.kill('SIGINT');
    await once(child, 'close');
    await untilGone(pids);
  });
});

describe('a broker', () => {
  leakGate();

  it('exits by itself after it has disposed of its last sandboxee', async () => {
    const { child, pids, next } = await startBroker('dispose');
    expect(JSON.parse((await next()) ?? '{}')).to.deep.equal({ results: ['killed', 'killed', 'killed'] });
    const [code] = await once(child, 'close');
    expect(code).to.equal(0);
    expect(pids.filter(isAlive)).to.deep.equal([]);
  });
});
