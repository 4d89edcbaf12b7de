import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { run, shell, withProgram, workshop } from './run-support.js';

describe('sallyport run, with real programs', () => {
  const folder = workshop();

  it('shells: pipes, background jobs, here documents, traps, fds of any number', () => {
    const script = `
      for i in 3 1 2; do (echo $i) & done | sort | tr '\\n' ' '
      wait; exec 3>&1 4>&1; echo three >&3; exec 3>&- 4>&-
      cat <<EOF
here
EOF
      trap 'echo trapped' TERM; kill -TERM $$; mkfifo /tmp/f; (echo fifo > /tmp/f) & cat /tmp/f
      diff <(echo a) <(echo a) && [[ $(ulimit -n) -gt 100 ]] && echo done`;
    const { status, stdout, stderr } = run(['--', 'bash', '-c', script]);
    expect([status, stdout, stderr]).to.deep.equal([0, '1 2 3 three\nhere\ntrapped\nfifo\ndone\n', '']);
  });

  it('Node with node_modules, workers, children, and what it asks of its host', () => {
    const modules = join(folder(), 'node_modules', 'left');
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'package.json'), '{ "name": "left", "main": "main.js" }');
    writeFileSync(join(modules, 'main.js'), 'module.exports = "left";');
    writeFileSync(
      join(folder(), 'script.js'),
      `const { Worker } = require('node:worker_threads');
       const { execFileSync, fork } = require('node:child_process');
       if (process.send) { process.send('child'); process.disconnect(); } else {
         console.log(require('left'), execFileSync('echo', ['sub']).toString().trim(), require('node:os').userInfo().username);
         new Worker("require('node:worker_threads').parentPort.postMessage('worker')", { eval: true }).on('message', (word) => {
           console.log(word);
           fork(__filename).on('message', (word) => console.log(word)).on('exit', (code) => console.log(code));
         });
       }`,
    );
    const ended = run(['--read', '.', '--', 'node', 'script.js'], { cwd: folder() });
    expect(ended).to.deep.equal({ status: 0, stdout: 'left sub sandboxee\nworker\nchild\n0\n', stderr: '' });
  });

  it('a script by its own name, with the interpreter that it names', () => {
    const script = join(folder(), 'own.mjs');
    writeFileSync(script, '#!/usr/bin/env node\nconsole.log(process.argv.length);\n', { mode: 0o755 });
    expect(run([script, 'a', 'b']).stdout).to.equal('4\n');
  });

  withProgram('npm', 'npm scripts', () => {
    writeFileSync(
      join(folder(), 'package.json'),
      '{ "name": "x", "version": "1.0.0", "scripts": { "hi": "node -p 6*7" } }',
    );
    const { status, stdout, stderr } = run(['--read', '.', '--', 'npm', 'run', '--silent', 'hi'], { cwd: folder() });
    expect([status, stdout], stderr).to.deep.equal([0, '42\n']);
  });

  withProgram('python3', 'Python: subprocesses that close all fds, pools, SQLite', () => {
    writeFileSync(
      join(folder(), 'x.py'),
      `import multiprocessing, sqlite3, subprocess, tempfile
print(subprocess.run(['echo', 'sub'], capture_output=True, text=True).stdout.strip())
with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, 2]))
with tempfile.NamedTemporaryFile() as f: sqlite3.connect(f.name).execute('create table t(a)')
print('done')
`,
    );
    const { status, stdout, stderr } = run(['--read', '.', '--', 'python3', 'x.py'], { cwd: folder() });
    expect([status, stdout], stderr).to.deep.equal([0, 'sub\n[1, 2]\ndone\n']);
  });

  withProgram('git', 'git: a repository, a commit', () => {
    const script =
      'git init -q r && cd r && echo a > a && git add a && git -c user.name=a -c user.email=b commit -qm first && git log --format=%s';
    expect(shell(script, ['--write', '.'], { cwd: folder() })).to.equal('first\n');
  });

  withProgram('convert', 'ImageMagick: convert in.png out.webp', () => {
    shell('/usr/bin/convert -size 64x64 gradient:red-blue in.png', ['--write', '.'], { cwd: folder() });
    const { status, stderr } = run(['--write', '.', '--', '/usr/bin/convert', 'in.png', 'out.webp'], { cwd: folder() });
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(readFileSync(join(folder(), 'out.webp')).toString('latin1', 8, 12)).to.equal('WEBP');
  });

  withProgram('jq', 'jq: from stdin to stdout', () => {
    expect(run(['--', 'jq', '-c', '.a'], { input: '{"a":[1,2]}' }).stdout).to.equal('[1,2]\n');
  });

  withProgram('ffmpeg', 'ffmpeg: a film of a second', () => {
    const make = ['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=duration=1:size=64x64', 'out.mp4'];
    const { status, stderr } = run(['--write', '.', '--', ...make], { cwd: folder() });
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(readFileSync(join(folder(), 'out.mp4')).toString('latin1', 4, 8)).to.equal('ftyp');
  });

  it('programs that look for the network are told that there is none', () => {
    const { status, stderr } = run(['--', 'node', '-e', 'require("net").connect(80, "192.0.2.1")']);
    expect(status).to.equal(1);
    expect(stderr)
      .to.include('EACCES')
      .and.match(/sallyport: it asked for the network, and there is none: socket\(AF_INET,.*\n$/);
  });
});
