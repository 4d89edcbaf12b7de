import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { FOLDER } from '../../broker/cgroup/names.js';
import { hierarchies } from '../../broker/cgroup/places.js';
import type { Limits } from '../../broker/index.js';
import { noController } from '../support/groups.js';
import { leakGate } from '../support/leak-gate.js';
import { untilGone } from '../support/processes.js';

const fixture = fileURLToPath(new URL('../fixtures/tree-broker.js', import.meta.url));
const NOBODY = 65534;
const LIMITS: Limits = { processes: 50 };

interface Report {
  readonly pids: readonly number[];
  readonly layers: readonly string[];
  readonly groups: readonly (readonly string[])[];
  readonly folders: readonly string[];
}

interface Broker {
  readonly child: ChildProcess;
  readonly report: Report;
  /** Has it close its sandboxee. */
  finish(): Promise<{ readonly status: string; readonly folders: readonly string[] }>;
}

async function startBroker(groups: readonly string[] = [], user = '', detached = false): Promise<Broker> {
  const args = [fixture, JSON.stringify(LIMITS), JSON.stringify(groups), user];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], detached });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value ?? 'null');
  const report: Report = await next();
  const finish = async () => {
    child.stdin.end();
    const last = await next();
    await once(child, 'close');
    return last;
  };
  return { child, report, finish };
}

describe('the cgroups of a broker that was killed', () => {
  leakGate();
  before(function () {
    if (noController('pids') !== undefined) this.skip();
  });

  it('are removed by the next that starts, and those of one that lives are not', async () => {
    const living = await startBroker();
    const killed = await startBroker();
    killed.child.kill('SIGKILL');
    await once(killed.child, 'close');
    await untilGone(killed.report.pids);
    const left = killed.report.folders;
    expect(left.filter((folder) => existsSync(folder)))
      .to.deep.equal(left)
      .and.to.not.deep.equal([]);

    const next = await startBroker();
    expect(left.filter((folder) => existsSync(folder))).to.deep.equal([]);
    const others = living.report.folders;
    expect(others.filter((folder) => existsSync(folder)))
      .to.deep.equal(others)
      .and.to.not.deep.equal([]);
    expect((await next.finish()).status).to.equal('killed');
    expect((await living.finish()).status).to.equal('killed');
  });
});

describe('a broker of an ordinary user', () => {
  leakGate();
  let delegated: string[] = [];
  before(function () {
    // Only root can delegate, and drop to another user.
    if (process.geteuid?.() !== 0 || noController('pids') !== undefined) this.skip();
    const trees = hierarchies().filter(({ version, controllers }) => version === 2 || controllers.includes('pids'));
    delegated = trees.map(({ own }) => join(own, `sallyport-test-${process.pid}`));
    for (const group of delegated) {
      mkdirSync(group);
      for (const file of ['', 'cgroup.procs']) chownSync(join(group, file), NOBODY, NOBODY);
    }
  });
  after(() => {
    for (const group of delegated) {
      for (const folder of [join(group, FOLDER), group]) if (existsSync(folder)) rmdirSync(folder);
    }
  });

  it('has its limits held by cgroups that were delegated to it, and removes them', async () => {
    const broker = await startBroker(delegated, String(NOBODY));
    const { groups, layers } = broker.report;
    expect(layers.find((layer) => layer.startsWith('process-limit'))).to.contain('held by cgroup v');
    expect(groups.every((list) => list.length === delegated.length)).to.equal(true);
    expect(await broker.finish()).to.deep.equal({ status: 'killed', folders: [] });
  });

  it('goes without them where none was delegated, and the layer says why', async () => {
    const broker = await startBroker([], String(NOBODY));
    const { groups, layers } = broker.report;
    expect(layers.find((layer) => layer.startsWith('process-limit'))).to.match(
      /RLIMIT_NPROC.*no cgroup: .* is not delegated/,
    );
    expect(groups.flat()).to.deep.equal([]);
    expect((await broker.finish()).status).to.equal('killed');
  });
});

describe("a signal to the broker's process group", () => {
  leakGate();

  it('is not one to its sandboxees, which have sessions of their own', async () => {
    const broker = await startBroker([], '', true);
    // The broker takes it for news; the program of the tree would die of it.
    process.kill(-(broker.child.pid ?? Number.NaN), 'SIGHUP');
    expect((await broker.finish()).status, 'by the broker, and not by the signal').to.equal('killed');
  });
});
