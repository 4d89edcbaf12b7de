import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { COMMAND, documents, sallyport } from './support.js';

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
    visit(join(dirname(COMMAND), 'commands.js'));
    expect(seen.size).to.be.greaterThan(20);
    expect([...seen].filter((path) => path.includes('/native/'))).to.deep.equal([]);
  });

  it('packs for `run` exactly what run loads', () => {
    const pack = readFileSync(join(dirname(COMMAND), 'run.pack.js'), 'utf8');
    const compiled = readFileSync(join(dirname(COMMAND), 'run-options.js'), 'utf8');
    const body = compiled.slice(compiled.indexOf('const OPTIONS'), compiled.indexOf('export function parseRun'));
    expect(body.length).to.be.greaterThan(500);
    expect(pack, 'npm run build packs anew').to.include(body);
  });

  it('is a program of its own', () => {
    expect(readFileSync(COMMAND, 'utf8')).to.match(/^#!\/usr\/bin\/env node\n/);
  });
});
