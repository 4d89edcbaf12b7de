import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { run, shell, workshop } from './run-support.js';

describe('sallyport run, where sandbox2tool was used before', () => {
  const folder = workshop();

  it('tells a program that killed itself from one that hit a limit, though both end with 137', () => {
    const { status, stderr } = run(['--', 'sh', '-c', 'kill -KILL $$']);
    expect([status, stderr]).to.deep.equal([137, 'sallyport: ended by SIGKILL\n']);
  });

  it('shows the name of process 1, and nothing else of it', () => {
    expect(shell('cat /proc/1/cmdline')).to.equal('sallyport-launcher\0');
    expect(shell('cat /proc/1/environ /proc/1/maps 2>/dev/null; ls /proc/1/fd 2>/dev/null; true')).to.equal('');
  });

  it('has a /tmp, but not that of the host', () => {
    writeFileSync(join(folder(), 'of-the-host'), '');
    expect(shell(`test -d /tmp && ! test -e ${join(folder(), 'of-the-host')} && echo its own`)).to.equal('its own\n');
  });

  it('shows one place within another: read-only in writable, and memory beside them', () => {
    const [outer, inner] = [join(folder(), 'outer'), join(folder(), 'outer/inner')];
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(inner, 'kept'), 'kept');
    for (const path of [outer, inner, join(inner, 'kept')]) chmodSync(path, 0o777);
    const readOnly = run(['--read', outer, '--', 'sh', '-c', `echo x > ${inner}/kept`]);
    expect(readOnly.stderr).to.include('Read-only file system');
    const nested = run(['--write', outer, '--read', inner, '--', 'sh', '-c', `echo x > ${inner}/kept`]);
    expect(nested.stderr).to.include('Read-only file system');
    expect(shell(`cat ${inner}/kept; ls /mem`, ['--read', outer, '--tmpfs', '/mem'])).to.equal('kept');
    expect(readFileSync(join(inner, 'kept'), 'utf8')).to.equal('kept');
  });

  it('shows a file of the host at another place by the words of a policy', () => {
    const [file, policy] = [join(folder(), 'file'), join(folder(), 'policy.json')];
    writeFileSync(file, 'of the host');
    const rules = [{ call: 'addFileAt', outside: file, inside: '/elsewhere/file' }];
    writeFileSync(policy, JSON.stringify({ preset: 'commandLine', rules }));
    expect(shell('cat /elsewhere/file', ['--policy', policy])).to.equal('of the host');
  });
});
