import { expect } from 'chai';
import { KiB, launch, PolicyBuilder, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { HostFolder } from './support.js';

const LOOKING = new PolicyBuilder()
  .allowStaticStartup()
  .allowExit()
  .allowSystemMalloc()
  .allowOpen()
  .allowStat()
  .allowReaddir()
  .allowSafeFcntl()
  .allowWrite()
  .allowSyscalls('close', 'lseek');

/** Every path that a static program finds, in `/proc` excepted. */
async function walk(policy: PolicyBuilder): Promise<string[]> {
  const executor = program(attackProgram('cases'), { args: ['walk'] });
  await using sandboxee = await launch(executor, { policy: policy.build(), limits: { wallTime: 10_000 } });
  let text = '';
  sandboxee.events.on('output', (_stream, chunk) => {
    text += chunk;
  });
  expect(await sandboxee.result).to.include({ status: 'ok', exitCode: 0 });
  return text.trim().split('\n').sort();
}

/** A path, and the folders above it. */
const withFolders = (path: string): string[] =>
  path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/') || '/');

const DEVICES = ['null', 'random', 'urandom', 'zero'].map((name) => `/dev/${name}`);
const ALWAYS = new Set(['/', '/proc', '/dev', ...DEVICES, ...withFolders(attackProgram('cases'))]);

describe('the whole of what a static program finds, from the root on', () => {
  leakGate();

  it('is itself, four devices, and a /proc of its own', async () => {
    expect(await walk(LOOKING)).to.deep.equal([...ALWAYS].sort());
  });

  it('is besides this what its policy grants, and nothing else', async () => {
    const host = new HostFolder();
    try {
      host.file('granted/deep/file');
      host.file('beside');
      const found = await walk(LOOKING.addDirectoryAt(`${host.path}/granted`, '/given').addTmpfs('/scratch', 64 * KiB));
      const more = ['/given', '/given/deep', '/given/deep/file', '/scratch'];
      expect(found).to.deep.equal([...ALWAYS, ...more].sort());
    } finally {
      host.remove();
    }
  });
});
