import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { codeCachePath } from '../../broker/cli/load-bundle.js';
import { COMMAND, documents, MODULES, sallyport } from './support.js';

describe('sallyport', () => {
  const { file } = documents();

  const failures: readonly (readonly [string, () => readonly string[], string])[] = [
    ['no command', () => [], 'a command is missing'],
    ['a command without its own', () => ['policy'], 'a command is missing'],
    ['a command that it does not have', () => ['explian'], "unknown command 'explian'"],
    ['an option that it does not have', () => ['explain', 'x', '--bfp'], "unknown option '--bfp'"],
    ['a missing argument', () => ['policy', 'check'], "missing required argument 'policy.json'"],
    ['an argument too many', () => ['policy', 'check', 'a', 'b'], 'too many arguments'],
    [
      'a file that is not there',
      () => ['explain', '/nowhere/at/all'],
      'cannot read /nowhere/at/all: there is no such file',
    ],
    ['a folder', () => ['policy', 'check', '/'], 'cannot read /: it is a directory'],
    ['a file that is no JSON', () => ['explain', file('{ "rules": [')], 'is no JSON: line 1, column 13: the end is no'],
    [
      'a key that comes twice',
      () => ['explain', file('{ "name": "a",\n"name": "b" }')],
      'line 2, column 1: the key "name"',
    ],
    ['no syscall', () => ['explain', file('{}'), 'opne'], "has a syscall 'opne'"],
    ['an argument of no syscall', () => ['explain', file('{}'), 'prot=5'], "'prot=5' goes with a syscall"],
    ['syscalls with --bpf', () => ['explain', file('{}'), 'read', '--bpf'], '--bpf shows the whole filter'],
  ];

  for (const [title, args, problem] of failures) {
    it(`ends with 125 and one clear line for ${title}`, () => {
      const { status, stdout, stderr } = sallyport(...args());
      expect([status, stdout]).to.deep.equal([125, '']);
      expect(stderr)
        .to.match(/^sallyport: .*\n$/)
        .and.include(problem);
    });
  }

  it('helps when it is asked to', () => {
    for (const args of [['--help'], ['explain', '--help'], ['policy', 'check', '--help'], ['help', 'explain']]) {
      const { status, stdout, stderr } = sallyport(...args);
      expect([status, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.match(/^Usage: sallyport /);
    }
  });

  it('does not mind that nobody reads to the end', () => {
    const path = file('{ "preset": "node" }');
    const shell = 'set -o pipefail; "$0" "$1" explain "$2" --bpf | head -1';
    const { status, stderr } = spawnSync('bash', ['-c', shell, process.execPath, COMMAND, path], { encoding: 'utf8' });
    expect([status, stderr]).to.deep.equal([0, '']);
  });

  it('loads nothing native to look after policies', () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)'/g)) {
        visit(join(dirname(path), target));
      }
    };
    visit(join(MODULES, 'commands.js'));
    expect(seen.size).to.be.greaterThan(20);
    expect([...seen].filter((path) => path.includes('/native/'))).to.deep.equal([]);
  });

  it('is bundled from the modules as they are, and to the same bytes each time', () => {
    const script = fileURLToPath(new URL('../../../scripts/bundle-cli.mjs', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect([status, stderr], 'npm run build').to.deep.equal([0, '']);
    expect(stdout).to.match(/^[1-9]\d* files are in step\n$/);
  });

  it('does the same unbundled', () => {
    const program = `import { main } from ${JSON.stringify(join(MODULES, 'run.js'))};
      process.exit(await main(['--', '/bin/sh', '-c', 'echo "$USER"; exit 7']));`;
    const args = ['--input-type=module', '-e', program];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, stdout, stderr]).to.deep.equal([7, 'sandboxee\n', '']);
  });

  it('does the same where V8 takes nothing of what it compiled before', () => {
    const flags = ['--no-flush-bytecode', COMMAND, 'run', '--', '/bin/sh', '-c', 'echo "$USER"; exit 7'];
    const { status, stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
    expect([status, stdout, stderr]).to.deep.equal([7, 'sandboxee\n', '']);
  });

  it('takes what was compiled by the very binary that runs it, for the very bundle, and nothing else', function () {
    const [bundle = '', ...more] = readdirSync(dirname(COMMAND)).filter((name) => /^run-\w+\.js$/.test(name));
    expect(more).to.deep.equal([]);
    const { size, mtimeMs } = statSync(process.execPath);
    const path = codeCachePath(join(dirname(COMMAND), bundle));
    expect(path).to.include(bundle).and.include(process.version).and.include(process.arch);
    expect(path).to.include(`${size}-${mtimeMs}`);
    // Another Node has built this.
    if (!existsSync(path)) this.skip();
    // In a process of its own: this one may have other flags by now.
    const module = JSON.stringify(join(MODULES, 'load-bundle.js'));
    const code = `import { loadBundle } from ${module}; console.log(loadBundle(process.argv[1]).script.cachedDataRejected);`;
    const args = ['--input-type=module', '-e', code, join(dirname(COMMAND), bundle)];
    expect(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout).to.equal('false\n');
    expect(statSync(path).mode & 0o022, 'others may write it').to.equal(0);
  });

  it('tells of a violation what is loaded for it: the rule, and the stack', () => {
    const code = 'import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)';
    const { status, stderr } = sallyport('run', '--', 'python3', '-c', code);
    expect(status).to.equal(159);
    expect(stderr)
      .to.include('by a refusal that every policy has')
      .and.match(/at ptrace \(/);
  });

  it('is as strict as modules are, and keeps the names of functions in stack traces', () => {
    const bundled = readdirSync(dirname(COMMAND)).filter((name) => name.endsWith('.js'));
    const text = bundled.map((name) => readFileSync(join(dirname(COMMAND), name), 'utf8')).join('');
    for (const name of bundled)
      expect(readFileSync(join(dirname(COMMAND), name), 'utf8')).to.match(/^.*\n?.*"use strict";/);
    expect(text)
      .to.match(/^function parseRun\(/m)
      .and.match(/^async function prepare\(/m);
    expect(bundled.map((name) => `${name}.map`)).to.satisfy((maps: string[]) =>
      maps.every((name) => existsSync(join(dirname(COMMAND), name))),
    );
  });

  it('is a program of its own', () => {
    expect(readFileSync(COMMAND, 'utf8')).to.match(/^#!\/usr\/bin\/env node\n/);
  });
});
