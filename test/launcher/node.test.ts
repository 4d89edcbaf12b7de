import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import { nodeMounts } from '../../broker/plan/visible.js';
import { launcherLeakGate } from './leak-gate.js';
import { AS_ROOT, AS_USER, probePlan } from './plans.js';
import { runPlan } from './run.js';
import { makeFolder } from './world.js';

const SCRIPT = `
import { readFileSync, readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { hello } from 'linked';
const attempt = (work) => { try { return work(); } catch (error) { return error.code; } };
const worker = new Worker('require("node:worker_threads").parentPort.postMessage(1 + 1)', { eval: true });
worker.once('message', (sum) => {
  console.log(JSON.stringify({
    hello, sum,
    argv: process.argv.slice(2),
    env: { ...process.env },
    root: readdirSync('/'),
    secret: attempt(() => readFileSync(new URL('.env', import.meta.url), 'utf8')),
    passwd: attempt(() => readFileSync('/etc/passwd', 'utf8')),
  }));
});
`;

describe('a Node program in the launcher', () => {
  launcherLeakGate();

  for (const who of [AS_ROOT, AS_USER]) {
    it(`starts with threads and linked packages, and sees neither secrets nor the host, ${who.name}`, async () => {
      const folder = makeFolder(`node-${who.inner}`);
      mkdirSync(join(folder, 'app/node_modules'), { recursive: true });
      mkdirSync(join(folder, 'packages/linked'), { recursive: true });
      writeFileSync(join(folder, 'packages/linked/package.json'), '{"type":"module","exports":"./index.js"}');
      writeFileSync(join(folder, 'packages/linked/index.js'), 'export const hello = "hello";');
      symlinkSync('../../packages/linked', join(folder, 'app/node_modules/linked'));
      writeFileSync(join(folder, 'app/main.mjs'), SCRIPT);
      writeFileSync(join(folder, 'app/.env'), 'PASSWORD=secret');
      const execPath = realpathSync(process.execPath);
      const script = join(folder, 'app/main.mjs');
      const mounts = await nodeMounts({
        execPath,
        script,
        sallyport: { root: folder, paths: [] },
        read: [],
        reader: undefined,
      });
      const program = { path: execPath, argv: [execPath, script, 'a b'], env: { NAME: 'value' }, cwd: '/' };
      const { stdout, stderr, failed, exited } = await runPlan(encodePlan(probePlan(who, [], { mounts, program })), {
        asUser: who.asUser,
      });
      expect(failed).to.equal(undefined);
      expect(stderr).to.equal('');
      expect(exited).to.deep.equal({ kind: 'exited', code: 0 });
      const found: unknown = JSON.parse(stdout);
      expect(found).to.deep.include({
        hello: 'hello',
        sum: 2,
        argv: ['a b'],
        env: { NAME: 'value' },
        secret: '',
        passwd: 'ENOENT',
      });
      expect(found)
        .to.have.property('root')
        .that.includes.members(['dev', 'proc', 'tmp'])
        .and.not.include.members(['home']);
    });
  }
});
