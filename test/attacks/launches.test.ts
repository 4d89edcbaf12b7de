import { spawnSync } from 'node:child_process';
import { existsSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Fd, fromFd, type LaunchOptions, launch, policies, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { failureOf } from './support.js';

const policy = policies.staticBinary().build();
const limits = { wallTime: 20_000 };

describe('a launch that comes to nothing', () => {
  leakGate();

  it('leaves nothing of its pipes and sockets, which nobody else could close', async () => {
    const executor = fromFd(Fd.open('/etc/hostname'), { fds: { answers: 'pipe', other: 'socket' } });
    const failure = await failureOf(launch(executor, { policy, limits }));
    expect(failure.message).to.match(/ENOEXEC/);
  });

  const refused: readonly (readonly [what: string, options: object])[] = [
    ['an option that does not exist', { policy, nonsense: 1 }],
    ['no policy', {}],
    ['a signal that was aborted before', { policy, signal: AbortSignal.abort() }],
    ['a limit that cannot be', { policy, limits: { openFiles: 1 } }],
  ];
  for (const [what, options] of refused) {
    it(`has moved the fds of its executor all the same: ${what}`, async () => {
      const input = Fd.open('/etc/hostname');
      const number = input.number;
      const link = readlinkSync(`/proc/self/fd/${number}`);
      await failureOf(launch(program(attackProgram('hello'), { fds: { input } }), options as LaunchOptions));
      expect(() => input.number).to.throw(/closed|moved/);
      const still = existsSync(`/proc/self/fd/${number}`) ? readlinkSync(`/proc/self/fd/${number}`) : undefined;
      expect(still).to.not.equal(link);
    });
  }

  it('is one whose fds are closed meanwhile, and one of two at once', async () => {
    const input = Fd.open('/etc/hostname');
    const launching = launch(program(attackProgram('hello'), { fds: { pipe: 'pipe', input } }), { policy, limits });
    input.close();
    expect((await failureOf(launching)).message).to.match(/closed/);

    const executor = program(attackProgram('hello'), { fds: { input: Fd.open('/etc/hostname') } });
    const both = [launch(executor, { policy, limits }), launch(executor, { policy, limits })];
    const ends = await Promise.allSettled(both);
    expect(ends.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    for (const end of ends) if (end.status === 'fulfilled') expect((await end.value.result).status).to.equal('ok');
  });
});

interface Line {
  readonly free: number;
  readonly outcome: string;
  readonly left: readonly string[];
}

/** What a fixture finds in a process that can have 300 fds. */
function linesOf(name: string): readonly Line[] {
  const fixture = fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url));
  const script = 'ulimit -n 300 && exec "$0" "$1"';
  const run = spawnSync('/bin/sh', ['-c', script, process.execPath, fixture], { encoding: 'utf8' });
  expect(run.stderr).to.equal('');
  const lines = run.stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

describe('a broker that has hardly an fd left', () => {
  it('launches or fails with EMFILE, at whichever of them it runs out, and closes each exactly once', function () {
    this.timeout(120_000);
    const lines = linesOf('few-files');
    expect(lines).to.have.length(48);
    for (const { free, outcome, left } of lines) {
      expect(outcome, `${free} free`).to.be.oneOf(['EMFILE', 'ok']);
      expect(left, `${free} free`).to.deep.equal([]);
    }
    expect(lines[0]?.outcome).to.equal('EMFILE');
    expect(lines.at(-1)?.outcome).to.equal('ok');
  });

  it('launches or fails when they run out half-way: nobody waits for ever, and nothing is left', function () {
    this.timeout(120_000);
    const lines = linesOf('fewer-files');
    expect(lines).to.have.length(6);
    for (const { free, outcome, left } of lines) {
      expect(outcome, `${free} free`).to.be.oneOf(['EMFILE', 'ERR_SALLYPORT_LAUNCH', 'ok']);
      expect(left, `${free} free`).to.deep.equal([]);
    }
  });

  it('ends who breaks the policy, and tells of it, though the stack cannot be read', function () {
    this.timeout(120_000);
    const lines = linesOf('no-files');
    expect(lines).to.have.length(7);
    for (const { free, outcome, left } of lines) {
      expect(outcome, `${free} free`).to.equal('violation');
      expect(left, `${free} free`).to.deep.equal([]);
    }
  });
});

describe('numbers of fds', () => {
  leakGate();

  it('at the upper end leave room for the file that is executed', async () => {
    const executor = fromFd(Fd.open(attackProgram('hello')), { fds: { 1023: 'pipe', 4: 'pipe' } });
    await using sandboxee = await launch(executor, { policy, limits });
    for (const fd of sandboxee.fds.values()) fd.close();
    expect((await sandboxee.result).status).to.equal('ok');
  });
});
