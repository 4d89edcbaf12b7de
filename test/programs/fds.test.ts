import { mkdtempSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type DeclaredFds, Fd, launch, node, OptionError, policies, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { demandedTier } from '../support/tier.js';
import { launchGuest } from './support.js';

function readAll(fd: Fd, size: number): string {
  const bytes = Buffer.alloc(size);
  return bytes.toString('utf8', 0, readSync(fd.number, bytes, 0, size, null));
}

describe('fds that an executor declares', () => {
  leakGate();

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-fds-'));
    writeFileSync(join(folder, 'input'), 'given away');
  });
  after(() => rmSync(folder, { recursive: true }));
  const input = (): Fd => Fd.open(join(folder, 'input'));

  it('are exactly those that are open inside, with stdio and comms', async () => {
    await using bare = await launchGuest(['numbers']);
    expect(await bare.comms.recvString()).to.equal('0 1 2 3 ');
    const fds = { '7': input(), input: input(), log: 'socket', '212': 'pipe' } as const;
    await using guest = await launchGuest(['numbers'], { fds });
    expect(await guest.comms.recvString()).to.equal('0 1 2 3 4 5 7 212 ');
    for (const end of guest.fds.values()) end.close();
  });

  it('are found by name, and are moved', async () => {
    const fd = input();
    await using guest = await launchGuest(['named:input', 'named:other'], { fds: { input: fd } });
    expect(() => fd.number).to.throw('moved');
    expect(await guest.comms.recvString()).to.equal('given away');
    expect(await guest.comms.recvInt32(), 'a name that was not declared').to.equal(2); // ENOENT
  });

  it('are kept by who duplicates them', async () => {
    using fd = input();
    await using guest = await launchGuest(['named:input'], { fds: { input: fd.dup() } });
    expect(await guest.comms.recvString()).to.equal('given away');
    expect(readFileSync(fd.number, 'utf8'), 'offset and file are shared').to.equal('');
  });

  it('are received: a pipe, a socket, and stdout in place of the output events', async () => {
    const fds: DeclaredFds = { log: 'pipe', talk: 'socket', stdout: 'pipe', stdin: 'pipe' };
    await using guest = await launchGuest(['writes:log', 'writes:talk', 'writes:stdout', 'exit:0'], { fds });
    const result = await guest.result;
    expect(result).to.include({ status: 'ok', exitCode: 101 });
    expect([...guest.fds.keys()]).to.deep.equal(['log', 'talk', 'stdout', 'stdin']);
    for (const name of ['log', 'talk']) {
      using end = guest.fds.get(name) ?? expect.fail(name);
      expect(readAll(end, 100)).to.equal('from inside');
    }
    for (const end of guest.fds.values()) end.close();
  });

  it('can be its stdin, stdout and stderr', async () => {
    const shell = program('/bin/cat', { read: ['/lib', '/lib64', '/usr/lib'], fds: { stdin: 'pipe', stdout: 'pipe' } });
    const policy = policies.dynamicBinary().allowSyscalls('fadvise64').build();
    await using cat = await launch(shell, { policy, ...demandedTier });
    using stdin = cat.fds.get('stdin') ?? expect.fail('no stdin');
    using stdout = cat.fds.get('stdout') ?? expect.fail('no stdout');
    writeSync(stdin.number, 'through and through');
    stdin.close();
    expect(await cat.result).to.include({ status: 'ok', exitCode: 0 });
    expect(readAll(stdout, 100)).to.equal('through and through');
  });

  it('may take the number of comms, which is then found elsewhere', async () => {
    await using guest = await launchGuest(['named:input', 'numbers'], { fds: { '3': 'pipe', input: input() } });
    expect(await guest.comms.recvString()).to.equal('given away');
    expect(await guest.comms.recvString()).to.equal('0 1 2 3 4 5 ');
    guest.fds.get('3')?.close();
  });

  it('leave comms alone where it was moved: closing its new number is a violation, closing 3 is not', async () => {
    await using puppet = await launchPuppet({ node: { fds: { '3': 'pipe' } } });
    puppet.fds.get('3')?.close();
    const close = (await import('../../broker/policy/index.js')).syscallNumber(policies.node().build().arch, 'close');
    expect(await perform(puppet, ({ attack }, number) => attack.syscall(number, 3), close)).to.equal(0);
    await puppet.comms.sendString(
      (({ attack }: { attack: { syscall(...of: number[]): number } }, number: number) =>
        attack.syscall(number, 4)).toString(),
    );
    await puppet.comms.sendValue([close]);
    expect(await puppet.result).to.deep.include({ status: 'violation', kind: 'syscall' });
  });

  it('reach a Node program by name, each once', async () => {
    await using puppet = await launchPuppet({
      node: { fds: { input: input() } },
      before: async ({ modules, state }) => {
        const { takeFd } = await import('sallyport/sandboxee');
        const fd = takeFd('input');
        try {
          takeFd('input');
        } catch (error) {
          state.again = String(error);
        }
        state.text = modules.fs.readFileSync(fd.number, 'utf8');
        state.variable = String(process.env.SALLYPORT_FDS);
      },
    });
    const state = await perform(puppet, ({ state }) => state);
    expect(state).to.include({ text: 'given away', variable: 'undefined' });
    expect(state.again).to.include("there is no fd 'input'");
  });

  it('are closed where the launch does not come to it', async () => {
    const fd = input();
    const executor = program(attackProgram('guest'), { fds: { input: fd, log: 'socket' } });
    const signal = AbortSignal.abort(new Error('enough'));
    const error = await launch(executor, { policy: policies.staticBinary().build(), limits: { memory: 1 } }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(OptionError);
    expect(() => fd.number, 'moved also when the launch fails').to.throw();
    await launch(program(attackProgram('guest')), { policy: policies.staticBinary().build(), signal }).catch(() => {});
  });

  describe('are refused before anything starts', () => {
    const declare = (fds: unknown) => () => program('/bin/true', { fds: fds as DeclaredFds });

    it('as bare numbers, directories, and things that are nothing', () => {
      expect(declare({ input: 5 })).to.throw(OptionError, 'Fd.adopt');
      expect(declare({ input: 'file' })).to.throw(OptionError, "'pipe' or 'socket'");
      using directory = Fd.open('/', 'r', { kind: 'directory' });
      expect(declare({ input: directory })).to.throw(OptionError, 'directory');
    });

    it('under names and numbers that cannot be', () => {
      expect(declare({ 'a:b': 'pipe' })).to.throw(OptionError, 'neither a name');
      expect(declare({ 'a,b': 'pipe' })).to.throw(OptionError, 'neither a name');
      expect(declare({ '01': 'pipe' })).to.throw(OptionError, 'neither a name');
      expect(declare({ '1024': 'pipe' })).to.throw(OptionError, 'below 1024');
      expect(declare({ stdout: 'pipe', '1': 'pipe' })).to.throw(OptionError, "fd 1 is also '1'");
      expect(declare(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`n${index}`, 'pipe'])))).to.throw(
        OptionError,
        'the most',
      );
    });

    it('a second time: an executor that has fds serves one launch', async () => {
      const executor = program(attackProgram('guest'), { fds: { input: input() }, args: ['exit:0'] });
      const options = { policy: policies.staticBinary().build(), ...demandedTier };
      await using first = await launch(executor, options);
      await first.result;
      const error = await launch(executor, options).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(OptionError);
      expect(String(error)).to.include('input was closed or moved before');
    });

    it('with variables of the launch itself in the environment', () => {
      expect(() => node('/etc/hostname', { env: { SALLYPORT_FDS: 'input:0' } })).to.throw(OptionError, 'SALLYPORT_FDS');
    });
  });
});
