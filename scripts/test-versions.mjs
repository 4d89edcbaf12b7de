// Runs the end-to-end part of the suite on every Node line that is supported: broker and sandboxee both on that version.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const VERSIONS = ['20.19.0', '22', '24', '26'];
const root = resolve(import.meta.dirname, '..');
const cache = join(root, 'node_modules/.cache/node-versions');

/** Each version as a package of its own: npm's packages of Node carry the binary. */
function install() {
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'package.json'), JSON.stringify({ private: true }));
  const packages = VERSIONS.map((version) => `node-${version}@npm:node-linux-${process.arch}@${version}`);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--silent', ...packages], {
    cwd: cache,
    stdio: 'inherit',
  });
}

function binaryOf(version) {
  return join(cache, `node_modules/node-${version}/bin/node`);
}

if (!VERSIONS.every((version) => existsSync(binaryOf(version)))) install();

const failed = VERSIONS.filter((version) => {
  const node = binaryOf(version);
  console.log(`\n== ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const { status } = spawnSync(node, [mocha, '--spec', 'dist/test/{end-to-end,stacks}/**/*.test.js'], {
    cwd: root,
    stdio: 'inherit',
  });
  return status !== 0;
});

if (failed.length > 0) {
  console.error(`\nfailed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
