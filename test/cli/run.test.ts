import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { run, shell, workshop } from './run-support.js';
import { COMMAND } from './support.js';

const ONE_LINE = /^sallyport: .+\n$/;

describe('sallyport run', () => {
  const folder = workshop();

  describe('bad usage: one clear line, and status 125', () => {
    const cases: readonly (readonly [string, readonly string[], string])[] = [
      ['no program', [], 'a program is missing'],
      ['no program after the options', ['--read', '/usr', '--'], 'a program is missing'],
      ['an unknown option', ['--raed', '/usr', 'true'], "unknown option '--raed'"],
      ['an option without its value', ['--read'], "option '--read' needs a value"],
      ['a program that is not there', ['--', 'no-such-program'], 'no-such-program: there is no such program in PATH'],
      ['a path that is not there', ['--', '/no/such/program'], '/no/such/program: there is no such program'],
      ['a folder for a program', ['--', '/usr'], '/usr is not a file'],
      ['a file that is not executable', ['--', '/usr/share/common-licenses/GPL-3'], 'is not executable'],
      ['--read of nothing', ['--read', '/no/such/thing', 'true'], '--read: there is no /no/such/thing'],
      ['--read of everything', ['--read', '/', 'true'], '/ cannot be granted whole'],
      ['--read of the processes', ['--read', '/proc', 'true'], 'the processes of the host'],
      ['--write of nothing', ['--write', '/no/such/thing', 'true'], '--write: there is no /no/such/thing'],
      ['--write of the system', ['--write', '/usr', 'true'], "holds more than a program's own files"],
      ['--write of all homes', ['--write', '/root', 'true'], '--write: /root'],
      ['no size', ['--memory', 'much', 'true'], "'much' is no size"],
      ['too little memory', ['--memory', '1', 'true'], 'limits.memory: 1 is not a whole number of bytes from'],
      ['no time', ['--wall-time', '-1', 'true'], "'-1' is no number of seconds"],
      ['no count', ['--processes', 'many', 'true'], "'many' is no whole number"],
      ['a tier that is not there', ['--tier', 'base', 'true'], 'base has no root and /tmp of their own'],
      ['no tier', ['--tier', 'none', 'true'], "'none' is no tier"],
      ['the network', ['--net', 'example.com', 'true'], '--net comes with brokered network'],
      ['a variable that is not there', ['--env', 'NO_SUCH_VARIABLE', 'true'], 'no variable NO_SUCH_VARIABLE'],
      ['a name that no variable has', ['--env', '1=2', 'true'], "'1' is no name of a variable"],
      ['--tmpfs over the system', ['--tmpfs', '/usr', 'true'], 'would hide what programs need'],
      ['a policy that is not there', ['--policy', '/no/such/policy', 'true'], 'cannot read /no/such/policy'],
      ['a result that cannot be written', ['--json', '/no/such/folder/x', 'true'], '--json: cannot write'],
    ];
    for (const [title, args, problem] of cases) {
      it(title, () => {
        const { status, stdout, stderr } = run(args);
        expect([status, stdout]).to.deep.equal([125, '']);
        expect(stderr).to.match(ONE_LINE).and.include(problem);
      });
    }

    (process.geteuid?.() === 0 ? it : it.skip)(
      '--write of what the uid that programs have under root may not write',
      () => {
        const place = join(folder(), 'own');
        mkdirSync(place, { mode: 0o755 });
        const { status, stderr } = run(['--write', place, 'true']);
        expect(status).to.equal(125);
        expect(stderr).to.match(ONE_LINE).and.include('own is not for all to write');
        chmodSync(place, 0o757);
        expect(run(['--write', place, 'true']).status).to.equal(0);
      },
    );

    it('a policy that does not parse', () => {
      const policy = join(folder(), 'broken.json');
      writeFileSync(policy, '{ "preset": "commandline" }');
      const { status, stderr } = run(['--policy', policy, 'true']);
      expect(status).to.equal(125);
      expect(stderr).to.match(ONE_LINE).and.include('did you mean commandLine?');
    });

    it('a folder for stdin', () => {
      const script = '"$0" "$1" run cat < /usr';
      const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, COMMAND], { encoding: 'utf8' });
      expect([status, stderr]).to.deep.equal([
        125,
        'sallyport: stdin is a folder; give it a file, a pipe or a terminal\n',
      ]);
    });
  });

  describe('the exit status', () => {
    it("is the program's own, without a word", () => {
      for (const code of [0, 1, 77, 255]) {
        expect(run(['--', 'sh', '-c', `exit ${code}`])).to.deep.equal({ status: code, stdout: '', stderr: '' });
      }
    });

    it('is 128+n for a signal', () => {
      const { status, stderr } = run(['--', 'sh', '-c', 'kill -USR2 $$']);
      expect([status, stderr]).to.deep.equal([140, 'sallyport: ended by SIGUSR2\n']);
    });

    it('is 159 for a violation, which is named', () => {
      const { status, stderr } = run(['--', 'perl', '-e', 'syscall(246, 0, 0, 0, 0)']);
      expect(status).to.equal(159);
      expect(stderr).to.match(ONE_LINE).and.include('violation: kexec_load(');
    });

    it('is 124 when the wall time is up, and everything that it started is gone', () => {
      const { status, stderr } = run(['--wall-time', '0.3', '--', 'sh', '-c', 'trap "" TERM; sleep 1000 & sleep 1000']);
      expect([status, stderr.startsWith('sallyport: wall time ran out: ')]).to.deep.equal([124, true]);
    });

    it('is 137 for the memory limit', () => {
      const script = 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));';
      const { status, stderr } = run(['--memory', '200M', '--', 'node', '-e', script]);
      expect(status).to.equal(137);
      expect(stderr).to.include('sallyport: limit memory hit: ');
    });

    it('is 152 for the CPU time', () => {
      const { status, stderr } = run(['--cpu-time', '0.5', '--', 'sh', '-c', 'while :; do :; done']);
      expect(status).to.equal(152);
      expect(stderr).to.include('sallyport: limit cpuTime hit: ');
    });
  });

  describe('stdin and stdout', () => {
    it('carry any bytes, and much of them', () => {
      const bytes = Buffer.alloc(3_000_000, Buffer.from([0, 255, 10, 13, 4, 26]));
      const { stdout } = spawnSync(process.execPath, [COMMAND, 'run', 'cat'], { input: bytes, maxBuffer: 10e6 });
      expect(Buffer.compare(stdout, bytes)).to.equal(0);
    });

    it('may be closed by whoever reads', () => {
      const script = '"$0" "$1" run cat < "$0" | head -c 4 | od -An -c; echo "$PIPESTATUS"';
      const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, COMMAND], { encoding: 'utf8' });
      expect(stdout).to.equal(' 177   E   L   F\n141\n');
      expect(stderr).to.equal('sallyport: ended by SIGPIPE\n');
    });

    it('are what the shell redirected', () => {
      const out = join(folder(), 'redirected');
      const script = `"$0" "$1" run -- sh -c 'echo out; echo err >&2' > ${out} 2>&1`;
      spawnSync('sh', ['-c', script, process.execPath, COMMAND]);
      expect(readFileSync(out, 'utf8')).to.equal('out\nerr\n');
    });
  });

  describe('what it sees', () => {
    it('is the system, and places of its own', () => {
      const names = shell('ls -A /').trim().split('\n');
      expect(names).to.include.members(['usr', 'etc', 'dev', 'proc', 'tmp']);
      expect(names).to.not.include.members(['home', 'root', 'var', 'run', 'mnt', 'boot']);
      expect(shell('ls -A /tmp; echo x > /tmp/x; cat /tmp/x')).to.equal('x\n');
      expect(shell('id -un; hostname; cat /etc/passwd | wc -l')).to.equal('sandboxee\nsandboxee\n3\n');
    });

    it('has an environment of what is named', () => {
      const env = shell('env', ['--env', 'A=1', '--env', 'GIVEN'], { env: { GIVEN: 'x y', SECRET: 's', LANG: 'C' } });
      const names = env
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0]);
      expect(env).to.include('A=1\n').and.include('GIVEN=x y\n').and.include('HOME=/tmp\n').and.include('LANG=C\n');
      expect(names).to.not.include('SECRET').and.to.not.include('OLDPWD');
    });

    it('begins where the user is, where that is shown, and else in /tmp', () => {
      expect(shell('pwd', [], { cwd: folder() })).to.equal('/tmp\n');
      expect(shell('pwd', ['--read', '.'], { cwd: folder() })).to.equal(`${folder()}\n`);
    });

    it('can be read with --read, and changed with --write', () => {
      writeFileSync(join(folder(), 'given'), 'text');
      expect(shell('cat given', ['--read', '.'], { cwd: folder() })).to.equal('text');
      expect(run(['--read', '.', '--', 'touch', 'new'], { cwd: folder() }).stderr).to.include('Read-only file system');
      shell('echo new > made; mkdir sub; mv made sub/', ['--write', '.'], { cwd: folder() });
      expect(readFileSync(join(folder(), 'sub/made'), 'utf8')).to.equal('new\n');
    });

    it('has folders in memory where it wants them, of their size', () => {
      const { status, stderr } = run([
        '--tmpfs',
        '/cache:1M',
        '--',
        'dd',
        'if=/dev/zero',
        'of=/cache/x',
        'bs=64K',
        'count=20',
      ]);
      expect([status, stderr.includes('No space left on device')]).to.deep.equal([1, true]);
    });

    it('keeps what the host itself runs as it is', () => {
      const project = join(folder(), 'project');
      for (const name of ['node_modules/a', '.git/hooks']) mkdirSync(join(project, name), { recursive: true });
      for (const name of ['', 'node_modules', 'node_modules/a', '.git', '.git/hooks'])
        chmodSync(join(project, name), 0o777);
      writeFileSync(join(project, 'policy.json'), '{ "preset": "commandLine" }', { mode: 0o666 });
      const script = `touch ok; for each in node_modules/x node_modules/a/x .git/hooks/pre-commit; do touch $each; done; echo x > policy.json; rm -r node_modules; perl -e 'rename ".git/hooks", "h"; rename "node_modules", "n"'; ls`;
      const { stdout } = run(['--write', '.', '--policy', 'policy.json', '--', 'sh', '-c', script], { cwd: project });
      expect(stdout.trim().split('\n')).to.deep.equal(['node_modules', 'ok', 'policy.json']);
      expect(readFileSync(join(project, 'policy.json'), 'utf8')).to.include('commandLine');
      const left = spawnSync('find', ['.'], { cwd: project, encoding: 'utf8' }).stdout;
      expect(left).to.include('./node_modules/a').and.to.not.include('/x\n').and.to.not.include('pre-commit');
    });
  });

  it('writes the result as JSON', () => {
    const path = join(folder(), 'result.json');
    run(['--json', path, '--', 'sh', '-c', 'exit 5']);
    const result = JSON.parse(readFileSync(path, 'utf8'));
    expect(result).to.include({ status: 'ok', exitCode: 5 });
    run(['--json', path, '--', 'perl', '-e', 'syscall(246, 0, 0, 0, 0)']);
    const violation = JSON.parse(readFileSync(path, 'utf8'));
    expect(violation).to.include({ status: 'violation', kind: 'syscall' });
    expect(violation.syscall.instructionPointer).to.match(/^\d+$/);
  });

  it('goes by another policy where one is given', () => {
    const policy = join(folder(), 'no-mkdir.json');
    writeFileSync(
      policy,
      '{ "preset": "commandLine", "rules": [{ "call": "blockSyscallsWithErrno", "syscalls": ["mkdir", "mkdirat"], "errno": "EPERM" }] }',
    );
    const { status, stderr } = run(['--policy', policy, '--', 'mkdir', '/tmp/x']);
    expect([status, stderr.includes('Operation not permitted')]).to.deep.equal([1, true]);
  });

  it('helps when it is asked to', () => {
    const { status, stdout } = run(['--help']);
    expect([status, stdout.startsWith('Usage: sallyport run [options] [--] PROGRAM')]).to.deep.equal([0, true]);
  });
});
