import { expect } from 'chai';
import { describeResult, policies, type Result } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, launchPuppet, perform } from '../support/puppet.js';

const strict = policies.node({ onDenied: 'kill' }).build();

async function endOf(action: (kit: Required<Kit>) => unknown, policy = strict): Promise<Result> {
  await using sandboxee = await launchPuppet({ policy });
  await begin(sandboxee, action);
  return await sandboxee.result;
}

describe('a sandboxee that reads a file', () => {
  leakGate();

  it('finds nothing there, and the denial is in the result', async () => {
    const sandboxee = await launchPuppet();
    const codes = await perform(sandboxee, async ({ modules: { fs } }) => {
      const codeOf = (error: NodeJS.ErrnoException) => error.code;
      const sync = (() => {
        try {
          return fs.readFileSync('/etc/passwd', 'utf8');
        } catch (error) {
          return codeOf(error as NodeJS.ErrnoException);
        }
      })();
      return [sync, await fs.promises.readFile('/etc/hostname', 'utf8').catch(codeOf), fs.existsSync('/')];
    });
    expect(codes).to.deep.equal(['ENOENT', 'ENOENT', false]);
    const { denials } = await sandboxee.close();
    expect(denials.map(({ text }) => text.split(',')[1]?.trim())).to.include.members([
      '"/etc/passwd"',
      '"/etc/hostname"',
    ]);
  });

  it("is ended with onDenied: 'kill', and the violation says what it was", async () => {
    const result = await endOf(({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
    expect(result).to.include({ status: 'violation', kind: 'syscall' });
    expect(describeResult(result)).to.match(/^violation: openat\(AT_FDCWD, "\/etc\/passwd", O_RDONLY\|O_CLOEXEC/);
  });

  it('is ended whichever way it goes about it', async () => {
    for (const action of [
      ({ modules: { fs } }: Required<Kit>) => fs.statSync('/etc/passwd'),
      ({ modules: { fs } }: Required<Kit>) => fs.readdirSync('/home'),
      ({ modules: { fs } }: Required<Kit>) => fs.promises.readFile('/etc/passwd'),
      ({ modules: { fs } }: Required<Kit>) => fs.writeFileSync('/tmp/x', 'x'),
      ({ require }: Required<Kit>) => require('/etc/passwd.js'),
    ]) {
      expect(await endOf(action)).to.include({ status: 'violation', kind: 'syscall' });
    }
  });

  it("is not ended for what Node looks for by itself, with onDenied: 'kill' either", async () => {
    await using sandboxee = await launchPuppet({ policy: strict });
    const done = await perform(sandboxee, async ({ modules: { os, worker_threads } }) => {
      new Date().toLocaleString('en', { timeZone: 'Europe/Paris' });
      new Date().getTimezoneOffset();
      process.cpuUsage();
      os.freemem();
      os.cpus();
      os.loadavg();
      const worker = new worker_threads.Worker('require("node:worker_threads").parentPort.postMessage(1)', {
        eval: true,
      });
      return new Promise<number>((resolve) => worker.once('message', resolve));
    });
    expect(done).to.equal(1);
    expect((await sandboxee.close()).denials).to.deep.equal([]);
  });
});

describe('a sandboxee that reaches out', () => {
  leakGate();

  const attempts: readonly (readonly [string, (kit: Required<Kit>) => unknown, RegExp])[] = [
    ['connects', ({ modules: { net } }) => net.connect(443, '192.0.2.1'), /socket\(AF_INET, SOCK_STREAM/],
    ['listens', ({ modules: { net } }) => net.createServer().listen(8080), /socket\(AF_INET6?, SOCK_STREAM/],
    ['resolves a name', ({ modules: { dns } }) => dns.promises.lookup('example.org'), /^violation: \w+\(/],
    [
      'starts a shell',
      ({ modules: { child_process } }) => child_process.spawnSync('/bin/sh', ['-c', 'id']),
      /^violation: \w+\(/,
    ],
    ['forks', ({ modules: { child_process } }) => child_process.fork('/x.js'), /^violation: \w+\(/],
    ['signals another', () => process.kill(1, 'SIGTERM'), /kill\(1, SIGTERM\)/],
  ];
  for (const [says, action, text] of attempts) {
    it(`(${says}) is ended, and the syscall is named`, async () => {
      const result = await endOf(action, policies.node().build());
      expect(result).to.include({ status: 'violation', kind: 'syscall' });
      expect(describeResult(result)).to.match(text);
    });
  }

  (process.arch === 'x64' ? it : it.skip)(
    'by the 32-bit door (x86-64 alone has one) is ended, and the architecture is named',
    async () => {
      const result = await endOf(({ attack }) => attack.int80(20));
      expect(result).to.include({ status: 'violation', kind: 'architecture' });
      expect(describeResult(result)).to.match(/i386/);
    },
  );
});
