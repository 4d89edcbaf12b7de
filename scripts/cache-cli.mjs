// Keeps what V8 compiles of `sallyport run`, which takes Node longer than anything else before the launch, beside the bundle
// of bundle-cli.mjs: what a run compiles is in it, and for the Node alone that runs this (load-bundle.ts). Without it all is
// the same, and later.
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { codeCachePath, loadBundle } from '../dist/broker/cli/load-bundle.js';

const root = resolve(import.meta.dirname, '..');
const folder = resolve(root, 'dist/cli');
const bundle = resolve(
  folder,
  readdirSync(folder).find((name) => /^run-.*\.js$/.test(name)),
);
const cache = codeCachePath(bundle);

const { exports, script } = loadBundle(bundle);
// Where the host cannot confine, what it compiled until there is kept.
const status = await exports.main(['--', '/bin/true']);
writeFileSync(`${cache}.new`, script.createCachedData(), { mode: 0o644 });
renameSync(`${cache}.new`, cache);
console.log(`compiled ${relative(root, bundle)}${status === 0 ? '' : `, as far as this host confines (${status})`}`);
