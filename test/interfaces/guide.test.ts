import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { defaultMaxima } from '../../protocols/schema/index.js';
import { leakGate } from '../support/leak-gate.js';

const root = new URL('../../../', import.meta.url);
const guide = readFileSync(new URL('docs/interfaces.md', root), 'utf8');

describe('the guide to interfaces', () => {
  leakGate();

  for (const name of ['words.ts', 'words.worker.ts', 'app.ts']) {
    it(`shows ${name} of the example as it is`, () => {
      const source = readFileSync(new URL(`examples/words/${name}`, root), 'utf8').trimEnd();
      expect(guide).to.contain(`\`\`\`ts\n// ${name}\n${source}\n\`\`\``);
    });
  }

  it('has an example that runs', () => {
    const text = fileURLToPath(new URL('docs/interfaces.md', root));
    const output = execFileSync(process.execPath, [fileURLToPath(new URL('dist/examples/words/app.js', root)), text], {
      encoding: 'utf8',
    });
    expect(output)
      .to.match(/^it has read \d+ bytes\n\d+ words, the longest is \w+\n/)
      .and.to.contain('unknown: An\n');
  });

  it('tells the defaults that are in force', () => {
    expect(defaultMaxima).to.deep.equal({
      string: 65_536,
      bytes: 1_048_576,
      items: 1024,
      value: 65_536,
      proto: 1_048_576,
    });
  });
});
