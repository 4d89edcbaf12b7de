import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ElfFile } from '../../broker/stacks/elf-file.js';
import { frameIndex } from '../../broker/stacks/frame-index.js';
import { EH_FRAME, smallElf } from '../fuzz/targets/small-elf.js';
import { leakGate } from '../support/leak-gate.js';

describe('the tables of a static program', () => {
  leakGate();
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tables-'));
  after(() => rmSync(folder, { recursive: true }));

  async function functionsIn(bytes: Buffer): Promise<number | undefined> {
    const path = join(folder, 'program');
    writeFileSync(path, bytes);
    await using file = await ElfFile.open(path);
    const index = file === undefined ? undefined : await frameIndex(file);
    return index === undefined ? undefined : index.entries.length / 8;
  }

  /** As static programs are: without an index. */
  function program(): Buffer {
    const bytes = smallElf();
    bytes.write('.eh_none_hdr', bytes.indexOf('.eh_frame_hdr'));
    return bytes;
  }

  it('have its functions', async () => {
    expect(await functionsIn(program())).to.equal(1);
  });

  it('leave out a function that lies further off than they can say', async () => {
    const bytes = program();
    bytes.writeInt32LE(0x7fffffff, EH_FRAME + 24 + 8);
    expect(await functionsIn(bytes)).to.equal(0);
  });
});
