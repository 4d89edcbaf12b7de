/** Writes broker/policy/policy.schema.json from the shapes that read a document; with --check, fails where it differs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { policySchema } from '../broker/policy/document/document.js';

const file = new URL('../../broker/policy/policy.schema.json', import.meta.url);
const generated = `${JSON.stringify(policySchema(), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, generated);
} else if (readFileSync(file, 'utf8') !== generated) {
  console.error(
    'broker/policy/policy.schema.json is not what the shapes say: node dist/scripts/generate-policy-schema.js',
  );
  process.exitCode = 1;
}
