import { expect } from 'chai';
import { launch, MiB, node, type Policy, policies } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, type PuppetOptions, perform } from '../support/puppet.js';
import { demandedTier } from '../support/tier.js';
import { FEATURES, type Feature, WEB_ASSEMBLY } from './features.js';

interface Setting {
  readonly name: string;
  readonly policy: Policy;
  readonly execArgv: readonly string[];
  readonly features: readonly Feature[];
}

const SETTINGS: readonly Setting[] = [
  {
    name: "policies.node({ onDenied: 'kill' })",
    policy: policies.node({ onDenied: 'kill' }).build(),
    execArgv: [],
    features: [...FEATURES, WEB_ASSEMBLY],
  },
  {
    name: 'policies.nodeJitless() with node --jitless',
    policy: policies.nodeJitless({ onDenied: 'kill' }).build(),
    execArgv: ['--jitless'],
    features: FEATURES,
  },
];

for (const { name, policy, execArgv, features } of SETTINGS) {
  const options: PuppetOptions = { policy, node: { execArgv } };

  describe(`Node ${process.version} under ${name}`, () => {
    leakGate();

    for (const feature of features) {
      it(`has ${feature.name}`, async () => {
        await using sandboxee = await launchPuppet(options);
        const works = await Promise.race([
          perform(sandboxee, feature.works),
          sandboxee.result.then((result) => Promise.reject(Object.assign(new Error('it ended'), { result }))),
        ]);
        expect(works).to.equal(true);
        expect((await sandboxee.close()).denials).to.deep.equal([]);
      });
    }

    it('has the console', async () => {
      const sandboxee = await launchPuppet(options);
      const output: string[] = [];
      sandboxee.events.on('output', (stream, text) => output.push(`${stream}: ${text}`));
      await begin(sandboxee, () => {
        console.log('to %s', 'stdout', { a: [1] });
        console.error('to stderr');
        process.exit(0);
      });
      await sandboxee.result;
      // Node's own word on --jitless, from before the gate.
      const said = output.join('').replace(/stderr: Warning: disabling flag [^\n]*\n/, '');
      expect(said).to.include('stderr: to stderr\n').and.include('stdout: to stdout { a: [ 1 ] }\n');
      expect(said.length).to.equal('stderr: to stderr\nstdout: to stdout { a: [ 1 ] }\n'.length);
    });

    it('ends by itself when it has nothing more to do', async () => {
      const script = new URL('../fixtures/farewell.js', import.meta.url);
      await using sandboxee = await launch(node(script, { execArgv }), { policy, ...demandedTier });
      expect(await sandboxee.comms.recvString()).to.equal('farewell');
      expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
    });

    it('ends by what nobody caught, with the message on stderr', async () => {
      for (const [action, message] of [
        [() => setImmediate(() => JSON.parse('{')), 'SyntaxError'],
        [() => void Promise.reject(new Error('nobody catches it')), 'nobody catches it'],
      ] as const) {
        await using sandboxee = await launchPuppet(options);
        await begin(sandboxee, action);
        const result = await sandboxee.result;
        expect(result).to.include({ status: 'ok', exitCode: 1 });
        expect(result.stderr).to.contain(message);
      }
    });

    it('aborts as SIGABRT, not as a violation', async () => {
      await using sandboxee = await launchPuppet(options);
      await begin(sandboxee, () => process.abort());
      expect(await sandboxee.result).to.include({ status: 'signaled', signal: 'SIGABRT' });
    });

    it('crashes as SIGSEGV, not as a violation', async () => {
      await using sandboxee = await launchPuppet(options);
      await begin(sandboxee, async ({ gate }) => {
        const buffer = await gate.requestBuffer(4096, 'read-only');
        buffer.unsafeBytes()[0] = 1;
      });
      expect(await sandboxee.result).to.include({ status: 'signaled', signal: 'SIGSEGV' });
    });

    it('runs out of heap as the limit of memory', async () => {
      await using sandboxee = await launchPuppet({ ...options, limits: { memory: 160 * MiB } });
      await begin(sandboxee, ({ state }) => {
        const kept: unknown[] = [];
        state.kept = kept;
        for (;;) kept.push({ at: kept.length, list: [kept.length] });
      });
      expect(await sandboxee.result).to.include({ status: 'limit', which: 'memory', asked: 160 * MiB });
    });

    it('runs out of a heap of its own as SIGABRT', async () => {
      await using sandboxee = await launchPuppet({
        ...options,
        node: { execArgv: [...execArgv, '--max-old-space-size=40'] },
      });
      await begin(sandboxee, ({ state }) => {
        const kept: unknown[] = [];
        state.kept = kept;
        for (;;) kept.push({ at: kept.length, list: [kept.length] });
      });
      const result = await sandboxee.result;
      expect(result).to.include({ status: 'signaled', signal: 'SIGABRT' });
      expect(result.stderr).to.contain('heap out of memory');
    });
  });
}
