import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { policySchema } from '../../broker/policy/document/document.js';
import { CALLS } from '../../broker/policy/document/statements.js';
import { FileWords } from '../../broker/policy/file-words.js';
import { Policy } from '../../broker/policy/policy.js';
import { Vocabulary } from '../../broker/policy/vocabulary.js';
import { PLAIN_WORDS } from '../../broker/policy/words.js';
import { policyPage } from '../../scripts/generate-policy-docs.js';
import { isValid } from './schema-validator.js';

const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
const blocksOf = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);

describe('docs/policy.md', () => {
  const examples = [...page.matchAll(/^```js\n(.*?)^```\n\n```text\n(.*?)^```$/gms)];

  it('has examples that print what it says they do', () => {
    expect(examples.length).to.equal(blocksOf('js').length).and.be.greaterThan(4);
    // By its own name the package is found from within itself.
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    for (const [, program = '', output = ''] of examples) {
      const run = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { cwd, encoding: 'utf8' });
      expect(run.stderr).to.equal('');
      expect(run.stdout).to.equal(output);
    }
  });

  it('has documents that parse, and that the schema takes', () => {
    const documents = blocksOf('json').map((text): unknown => JSON.parse(text));
    expect(documents).to.have.length.greaterThan(0);
    for (const document of documents) {
      expect(Policy.parse(document).toJSON()).to.deep.equal(document);
      expect(isValid(document, policySchema())).to.equal(true);
    }
  });

  it('lists the words as the builder has them', () => {
    expect(page).to.equal(policyPage());
  });

  it('lists every word, and a document has the same ones', () => {
    const prototypes = [PolicyBuilder.prototype, FileWords.prototype, Vocabulary.prototype];
    const methods = prototypes
      .flatMap(Object.getOwnPropertyNames)
      .filter((name) => /^(allow|trace|block|add|set|denyPath)/.test(name));
    expect([...PLAIN_WORDS, ...Object.keys(CALLS)]).to.have.members(methods);
    const listed = [...page.matchAll(/^\| `((?:allow|add|set)\w+)\(/gm)].map(([, name = '']) => name);
    expect(listed).to.have.members(
      methods.filter((name) => /^(allow|add|set)/.test(name) && !/^(allowSyscalls?|addPolicy\w+)$/.test(name)),
    );
  });
});
