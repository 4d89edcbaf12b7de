import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Executor,
  type LaunchOptions,
  launch,
  type NodeOptions,
  node,
  OptionError,
  PlanError,
  policies,
} from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { holdings, leaks } from '../support/leaks.js';

const puppet = new URL('../fixtures/puppet.js', import.meta.url);
const policy = policies.node().build();

/** What callers without TypeScript may pass. */
type Anything = Readonly<Record<string, unknown>>;

async function refusal(options: Anything, executor: unknown): Promise<unknown> {
  const before = holdings();
  const error = await launch(executor as Executor, options as Anything & LaunchOptions).then(
    () => new Error('it was launched'),
    (cause: unknown) => cause,
  );
  expect(leaks(before, holdings()), 'nothing is started').to.deep.equal([]);
  return error;
}

function refusedExecutor(script: unknown, options: unknown = {}): unknown {
  try {
    node(script as string, options as NodeOptions);
    return new Error('it was taken');
  } catch (error) {
    return error;
  }
}

const BAD_OPTIONS: readonly (readonly [what: string, option: string, options: Anything])[] = [
  ['no options', 'launch().policy', {}],
  ['a policy that is none', 'launch().policy', { policy: { compile: () => ({}) } }],
  ['a builder in place of its policy', 'launch().policy', { policy: policies.node() }],
  ['a policy as text', 'launch().policy', { policy: 'node' }],
  ['an unknown option', 'launch().limit', { policy, limit: {} }],
  ['an unknown limit', 'limits.ram', { policy, limits: { ram: 1 } }],
  ['a limit that every object has', 'limits.toString', { policy, limits: { toString: 1 } }],
  ['a trusted file that is no path', 'launch().trusted', { policy, trusted: ['policy.json'] }],
  ['too little memory', 'limits.memory', { policy, limits: { memory: 1024 } }],
  ['endless memory', 'limits.memory', { policy, limits: { memory: Infinity } }],
  ['half a byte', 'limits.fileSize', { policy, limits: { fileSize: 0.5 } }],
  ['a negative time', 'limits.wallTime', { policy, limits: { wallTime: -1 } }],
  ['a time that is no number', 'limits.cpuTime', { policy, limits: { cpuTime: '1000' } }],
  ['NaN', 'limits.gateTime', { policy, limits: { gateTime: Number.NaN } }],
  ['a gate that never has to be entered', 'limits.gateTime', { policy, limits: { gateTime: Infinity } }],
  ['fewer files than Node needs', 'limits.openFiles', { policy, limits: { openFiles: 3 } }],
  ['more files than the broker itself may have', 'limits.openFiles', { policy, limits: { openFiles: 2 ** 20 } }],
  ['fewer threads than Node needs', 'limits.processes', { policy, limits: { processes: 1 } }],
  ['limits that are none', 'launch().limits', { policy, limits: null }],
  ['a signal that is none', 'launch().signal', { policy, signal: 'SIGTERM' }],
  ['speculation without its token', 'launch().speculation', { policy, speculation: true }],
];

const BAD_NODE_OPTIONS: readonly (readonly [what: string, option: string, options: Anything])[] = [
  ['an unknown option', 'node().arguments', { arguments: [] }],
  ['arguments as one text', 'node().args', { args: '--help' }],
  ['an argument with a NUL', 'node().args', { args: ['a\0b'] }],
  ['an argument that is a number', 'node().args', { args: [7] }],
  ['options of Node with a NUL', 'node().execArgv', { execArgv: ['--a\0'] }],
  ['a variable that is no name', 'node().env', { env: { 'A=B': 'c' } }],
  ['a variable that is a number', 'node().env.A', { env: { A: 1 } }],
  ['a variable with a NUL', 'node().env.A', { env: { A: 'b\0c' } }],
  ['a relative path of Node', 'node().execPath', { execPath: 'node' }],
  ['a folder in place of Node', 'node().execPath', { execPath: '/usr' }],
  ['a Node that does not exist', 'node().execPath', { execPath: '/no/such/node' }],
  ['a grant that does not exist', 'node().read', { read: ['/no/such/file'] }],
  ['a grant by a relative path', 'node().read', { read: ['file'] }],
  ['grants as one text', 'node().read', { read: '/etc' }],
  ['half a worker', 'node().workerThreads', { workerThreads: 0.5 }],
];

const BAD_SCRIPTS: readonly (readonly [what: string, script: unknown])[] = [
  ['that does not exist', '/no/such/script.js'],
  ['that is a folder', tmpdir()],
  ['with a relative path', 'script.js'],
  ['from the network', new URL('https://example.org/script.js')],
  ['that is a number', 7],
];

describe('options that cannot be honoured', () => {
  leakGate();

  for (const [what, option, options] of BAD_OPTIONS) {
    it(`launch() with ${what} throws before anything is started`, async () => {
      const error = await refusal(options, node(puppet));
      expect(error).to.be.instanceOf(OptionError).and.include({ code: 'ERR_SALLYPORT_OPTION', option });
    });
  }

  for (const [what, option, options] of BAD_NODE_OPTIONS) {
    it(`node() with ${what} throws`, () => {
      expect(refusedExecutor(puppet, options)).to.be.instanceOf(OptionError).and.include({ option });
    });
  }

  for (const [what, script] of BAD_SCRIPTS) {
    it(`node() of a script ${what} throws`, () => {
      expect(refusedExecutor(script)).to.be.instanceOf(OptionError).and.include({ option: 'node().script' });
    });
  }

  it('launch() of what node() has not made throws', async () => {
    for (const executor of [undefined, null, puppet, '/bin/true', { kind: 'shell' }]) {
      expect(await refusal({ policy }, executor))
        .to.be.instanceOf(OptionError)
        .and.include({ option: 'launch().executor' });
    }
  });

  it('launch() throws a PlanError for a file of the policy that is not there', async () => {
    const granting = policies.node().addFile('/nowhere/at/all').build();
    const error = await refusal({ policy: granting }, node(puppet));
    expect(error).to.be.instanceOf(PlanError);
    expect(error).to.have.property('message', "addFile('/nowhere/at/all'): /nowhere/at/all does not exist");
  });

  it('launch() throws a PlanError for a script that has gone since', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-gate-'));
    const script = join(folder, 'script.js');
    writeFileSync(script, '');
    const executor = node(script);
    unlinkSync(script);
    try {
      expect(await refusal({ policy }, executor))
        .to.be.instanceOf(PlanError)
        .with.property('message')
        .that.includes(script);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
