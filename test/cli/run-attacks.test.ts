import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { run, shell, workshop } from './run-support.js';
import { COMMAND } from './support.js';

/** A perl that makes one system call, and says what came of it. */
function call(number: number, ...args: readonly (number | string)[]): readonly string[] {
  const values = args.map((arg) => (typeof arg === 'number' ? String(arg) : `my $x = "${arg}"`));
  return ['--', 'perl', '-e', `my $r = syscall(${[number, ...values].join(', ')}); print $r < 0 ? 0 + $! : "done"`];
}

const [EPERM, EACCES] = ['1', '13'];

describe('attacks from under sallyport run', () => {
  leakGate();
  const folder = workshop();

  it('finds no homes, no /var, no secrets of /etc, no other processes', () => {
    const paths = [
      '/root',
      '/home',
      '/var',
      '/run',
      '/etc/shadow',
      '/etc/ssl/private',
      '/etc/ssh',
      '/mnt',
      '/srv',
      '/boot',
      '/proc/kcore',
      '/proc/sys',
    ];
    for (const path of paths) expect(run(['--', 'ls', path]).status, path).to.equal(2);
    // Pid 1, the shell, and what the pipe is made of.
    expect(Number(shell('ls -d /proc/[0-9]* | wc -l'))).to.be.within(3, 4);
    expect(shell('cat /proc/1/environ 2>&1 || true')).to.match(/Permission denied|No such file/);
    expect(shell("ls /proc/self/fd | tr '\\n' ' '")).to.equal('0 1 2 3 ');
  });

  it('writes nowhere but to its own /tmp and /dev/shm', () => {
    const script =
      'for each in / /usr /usr/bin /etc /dev /proc /bin/sh /etc/passwd; do touch $each/x 2>/dev/null && echo $each; (echo x >> $each) 2>/dev/null && echo $each; done; true';
    expect(shell(script)).to.equal('');
  });

  (process.arch === 'x64' ? it : it.skip)('reaches neither network nor sockets of the host', async () => {
    const server = createServer().listen(join(folder(), 'socket'));
    await once(server, 'listening');
    for (const family of [1, 2, 10, 16, 17, 38, 40])
      expect(run(call(41, family, 1, 0)).stdout, `${family}`).to.equal(EACCES);
    // A datagram socket of a pair could be sent to by path.
    expect(run(call(53, 1, 2, 0, '\\0'.repeat(17))).stdout).to.equal(EACCES);
    server.close();
  });

  (process.arch === 'x64' ? it : it.skip)('gives no file a set-id, and makes no device', () => {
    const options = ['--write', folder()];
    expect(run([...options, ...call(90, join(folder(), 'x'), 0o4755)]).stdout).to.equal(EPERM);
    expect(run([...options, ...call(2, join(folder(), 'x'), 0o101, 0o4755)]).stdout).to.equal(EPERM);
    expect(run([...options, ...call(85, join(folder(), 'x'), 0o2755)]).stdout).to.equal(EPERM);
    expect(run([...options, ...call(133, join(folder(), 'x'), 0o020666, 0x103)]).stdout).to.equal(EPERM);
    expect(() => statSync(join(folder(), 'x'))).to.throw('ENOENT');
  });

  (process.arch === 'x64' ? it : it.skip)('is ended for what no program has a use for', () => {
    const calls: readonly (readonly [string, number, ...number[]])[] = [
      ['ptrace', 101, 0, 0, 0, 0],
      ['process_vm_readv', 310, 1, 0, 0, 0, 0, 0],
      ['process_vm_writev', 311, 1, 0, 0, 0, 0, 0],
      ['init_module', 175, 0, 0, 0],
      ['reboot', 169, 0, 0, 0, 0],
      ['iopl', 172, 3],
      ['ioctl', 16, 0, 0x5412, 0],
      ['ioctl', 16, 0, 0x541c, 0],
      ['clone', 56, 0x10000000, 0, 0, 0, 0],
      ['fcntl', 72, 0, 8, 1],
      ['prctl', 157, 4, 1],
    ];
    for (const [name, ...args] of calls) {
      const { status, stderr } = run(call(args[0] ?? 0, ...args.slice(1)));
      expect([status, stderr.startsWith(`sallyport: violation: ${name}(`)], `${name}: ${stderr}`).to.deep.equal([
        159,
        true,
      ]);
    }
  });

  it('cannot forge what is said of it', () => {
    const { stderr } = run(['--', 'perl', '-e', 'kill 9, $$']);
    expect(stderr).to.equal('sallyport: ended by SIGKILL\n');
    const { status } = run(['--', 'sh', '-c', 'exit 159']);
    expect(status).to.equal(159);
  });

  it('does not outlive the command, however that ends', async () => {
    const child = spawn(
      process.execPath,
      [COMMAND, 'run', '--', 'sh', '-c', 'trap "" TERM HUP INT; echo ready; sleep 1000'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    // The pipe ends when the last process that has it is gone.
    await once(child.stdout.resume(), 'end');
  });

  it('gets the signals that the command gets', async () => {
    const child = spawn(
      process.execPath,
      [COMMAND, 'run', '--', 'sh', '-c', 'trap "echo got; exit 9" TERM; echo ready; sleep 1000 & wait'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text === 'ready\n') child.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    expect([text, code]).to.deep.equal(['ready\ngot\n', 9]);
  });
});
