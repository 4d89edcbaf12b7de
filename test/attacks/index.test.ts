import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/attacks.md', root), 'utf8');

describe('docs/attacks.md', () => {
  const rows = [...page.matchAll(/^\| (?!attack |---)(.+) \| (.+) \| (.+) \| `(.+)`: (.+) \|$/gm)];
  const lines = page.split('\n').filter((line) => /^\| (?!attack )/.test(line));

  it('has a test for each attack, by a name that is there', () => {
    expect(rows).to.have.length(lines.length).and.length.greaterThan(40);
    for (const [, attack = '', , , file = '', name = ''] of rows) {
      expect(readFileSync(new URL(`test/${file}`, root), 'utf8'), attack).to.include(name);
    }
  });
});
