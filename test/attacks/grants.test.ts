import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PolicyBuilder } from '../../broker/index.js';
import { PlanError } from '../../broker/plan/errors.js';
import { policyMounts } from '../../broker/plan/granted.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';

const LOOKS = 4000;
const SANDBOXEE_UID = 1_900_000_000;

describe('a folder that a sandboxee may write to, in which others are granted a file', () => {
  leakGate();
  let folder: string;

  before(function () {
    if (process.geteuid?.() !== 0) {
      console.log('    the sandboxees of an ordinary user have the user’s own id: their links are the user’s');
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'sallyport-grants-'));
    for (const name of ['secret', 'work', 'work/a']) mkdirSync(join(folder, name));
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'secret/file'), 'secret');
    writeFileSync(join(folder, 'work/a/file'), 'for everybody');
    symlinkSync(join(folder, 'secret'), join(folder, 'work/b'));
    lchownSync(join(folder, 'work/b'), SANDBOXEE_UID, SANDBOXEE_UID);
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  it('leads nobody elsewhere by a link that is not there any more when its owner is asked for', async () => {
    const { filesystem } = new PolicyBuilder().addFile(join(folder, 'work/a/file')).build();
    const context = {
      trusted: () => ({ places: [], folders: [] }),
      librariesOf: () => Promise.resolve([]),
    };
    const swapping = spawn(attackProgram('intruder'), ['swap', join(folder, 'work/a'), join(folder, 'work/b')]);
    const sources = new Set<string>();
    let refused = 0;
    try {
      for (let look = 0; look < LOOKS; look += 1) {
        try {
          const { mounts } = await policyMounts(filesystem, context);
          for (const { kind, source } of mounts) if (kind !== 'symlink') sources.add(source);
        } catch (error) {
          if (!(error instanceof PlanError)) throw error;
          refused += 1;
        }
      }
    } finally {
      swapping.kill('SIGKILL');
      await once(swapping, 'close');
    }
    expect([...sources]).to.deep.equal([join(folder, 'work/a/file')]);
    expect(refused, 'it has met links').to.be.greaterThan(0);
  });
});
