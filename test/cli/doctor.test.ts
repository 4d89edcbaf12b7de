import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { COMMAND, sallyport } from './support.js';

interface Check {
  readonly name: string;
  readonly works: boolean;
  readonly for: string;
  readonly meaning: string;
  readonly mend: string;
}

describe('sallyport doctor', () => {
  it('has a line for each thing that it tried, and ends with 0 where all is well', () => {
    const { status, stdout, stderr } = sallyport('doctor');
    expect([status, stderr]).to.deep.equal([0, '']);
    for (const name of [
      'seccomp listener',
      'net namespace',
      'mounts and pivot_root',
      'a Node sandboxee',
      'any program',
    ]) {
      expect(stdout).to.match(new RegExp(`^✓ ${name} `, 'm'));
    }
    expect(stdout).to.match(/\ntier full works.*\ntier base works\n$/);
    expect(stdout.match(/^[✓–] cgroup (memory|pids|cpu) /gm), 'as launches find them').to.have.length(3);
  });

  it('is JSON for machines', () => {
    const { status, stdout } = sallyport('doctor', '--json');
    const { tiers, checks }: { tiers: object; checks: readonly Check[] } = JSON.parse(stdout);
    expect([status, tiers]).to.deep.equal([0, { full: true, base: true }]);
    expect(checks.length).to.be.greaterThan(25);
    for (const check of checks) expect(check).to.have.keys('name', 'works', 'for', 'meaning', 'mend');
  });

  it('names what is missing, with the mend, and ends with 1', () => {
    const script = 'ulimit -n 300; exec "$0" "$1" doctor';
    const { status, stdout } = spawnSync('sh', ['-c', script, process.execPath, COMMAND], { encoding: 'utf8' });
    expect(status).to.equal(1);
    expect(stdout)
      .to.match(/^✗ RLIMIT_NOFILE +300 open files\n +mend: ulimit -n 4096/m)
      .and.include('tier full does not work: mend what is marked ✗');
  });

  it('tells what it does not know in one line', () => {
    const { status, stderr } = sallyport('doctor', '--jsno');
    expect([status, stderr]).to.deep.equal([
      125,
      "sallyport: unknown option '--jsno'; sallyport doctor --help tells more\n",
    ]);
  });
});
