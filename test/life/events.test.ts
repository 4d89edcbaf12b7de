import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect } from 'chai';
import { escapeText, PeerGone, policies, type Sandboxee } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';

/** All its events, in order: name and first value. */
function record({ events }: Sandboxee): [string, unknown][] {
  const seen: [string, unknown][] = [];
  for (const name of ['denial', 'denials-dropped', 'violation', 'output', 'result'] as const) {
    events.on(name, (...values: unknown[]) => seen.push([name, values.at(-1)]));
  }
  return seen;
}

const violate = async ({
  modules: { fs, net },
}: {
  modules: { fs: typeof import('node:fs'); net: typeof import('node:net') };
}) => {
  console.log('about to misbehave');
  try {
    fs.readFileSync('/etc/shadow');
  } catch {
    net.connect(443, '192.0.2.1');
  }
};

describe('events', () => {
  leakGate();

  it('tell of output, denials and violations, and last of the result', async () => {
    const sandboxee = await launchPuppet();
    const seen = record(sandboxee);
    await begin(sandboxee, violate);
    const result = await sandboxee.result;
    const names = seen.map(([name]) => name);
    expect([...names].sort()).to.deep.equal(['denial', 'output', 'result', 'violation']);
    expect(names.at(-1)).to.equal('result');
    expect(names.indexOf('denial')).to.be.lessThan(names.indexOf('violation'));
    expect(seen.at(-1)?.[1]).to.equal(result);
    expect(Object.fromEntries(seen)).to.have.property('output', 'about to misbehave\n');
  });

  it('tell of a denial with the syscall in words, the errno and the thread, and the result keeps it', async () => {
    const sandboxee = await launchPuppet();
    const seen = record(sandboxee);
    const code = await perform(sandboxee, ({ modules: { fs } }) => {
      try {
        return fs.readFileSync('/home/somebody/.ssh/id_rsa', 'utf8');
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    });
    expect(code).to.equal('ENOENT');
    const result = await sandboxee.close();
    expect(result.denials).to.have.length(1);
    const [denial] = result.denials;
    expect(denial).to.include({ name: 'openat', errno: 'ENOENT', thread: sandboxee.pid });
    expect(denial?.text).to.match(/^openat\(AT_FDCWD, "\/home\/somebody\/\.ssh\/id_rsa", O_RDONLY\|O_CLOEXEC/);
    expect(seen[0]).to.deep.equal(['denial', denial]);
  });

  it('tell of a hostile path escaped and bounded', async () => {
    const sandboxee = await launchPuppet();
    await perform(sandboxee, ({ modules: { fs } }) => {
      fs.existsSync(`/\u001b[31m\n"quoted"/${'x'.repeat(3000)}`);
    });
    const { denials } = await sandboxee.close();
    const text = denials[0]?.text ?? '';
    expect(text).to.contain('\\u{1b}[31m');
    expect(escapeText(text, { max: Infinity }), 'nothing is left to escape').to.equal(text);
    expect(text.length).to.be.lessThan(5000);
  });

  it('of a flood of denials are bounded, and the rest is counted', async () => {
    const sandboxee = await launchPuppet();
    const seen = record(sandboxee);
    const count = 5000;
    await perform(
      sandboxee,
      ({ modules: { fs } }, times: number) => {
        for (let at = 0; at < times; at += 1) fs.existsSync(`/nowhere/${at}`);
      },
      count,
    );
    const { denials } = await sandboxee.close();
    const told = seen.filter(([name]) => name === 'denial').length;
    const dropped = seen
      .filter(([name]) => name === 'denials-dropped')
      .reduce((sum, [, value]) => sum + Number(value), 0);
    expect(told + dropped).to.equal(count);
    expect(denials).to.have.length(64);
    expect(denials.at(-1)?.text).to.contain(`/nowhere/${count - 1}`);
  });

  it('tell of stdout and stderr apart, escaped', async () => {
    const sandboxee = await launchPuppet();
    const output: [string, string][] = [];
    sandboxee.events.on('output', (stream, text) => output.push([stream, text]));
    await begin(sandboxee, () => {
      process.stdout.write('\u001b[1mout\n');
      process.stderr.write('\u0007err\n');
      process.exit(0);
    });
    await sandboxee.result;
    expect(Object.fromEntries(output)).to.deep.equal({ stdout: '\\u{1b}[1mout\n', stderr: '\\u{7}err\n' });
  });
});

describe('diagnostics_channel', () => {
  leakGate();

  it('has a message of each launch, denial, violation and result, with the pid', async () => {
    const messages: [string, Record<string, unknown>][] = [];
    const note = (message: unknown, name: string | symbol): void => {
      messages.push([String(name), message as Record<string, unknown>]);
    };
    const names = ['launch', 'denial', 'violation', 'result'].map((name) => `sallyport:${name}`);
    for (const name of names) subscribe(name, note);
    try {
      const sandboxee = await launchPuppet({ policy: policies.node().build() });
      await begin(sandboxee, violate);
      const result = await sandboxee.result;
      expect(messages.map(([name]) => name)).to.deep.equal(names);
      for (const [, { pid }] of messages) expect(pid).to.equal(sandboxee.pid);
      expect(messages[0]?.[1]).to.have.property('layers', sandboxee.layers);
      expect(messages[3]?.[1]).to.have.property('result', result);
    } finally {
      for (const name of names) unsubscribe(name, note);
    }
  });
});

describe('PeerGone', () => {
  leakGate();

  it('rejects what waits on comms when the sandboxee ends, and later calls carry the result', async () => {
    const sandboxee = await launchPuppet();
    const waiting = sandboxee.comms.recvString().catch((error: unknown) => error);
    await begin(sandboxee, () => process.exit(9));
    expect(await waiting).to.be.instanceOf(PeerGone);
    const result = await sandboxee.result;
    for (const late of [sandboxee.comms.recvString(), sandboxee.comms.sendString('too late')]) {
      const error: unknown = await late.catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(PeerGone).with.property('result', result);
    }
    sandboxee.comms.close();
  });

  it('does not hide what had been sent before the end', async () => {
    const sandboxee = await launchPuppet();
    await begin(sandboxee, ({ gate }) => {
      for (const word of ['one', 'two', 'three']) gate.comms.sendStringSync(word);
      process.exit(0);
    });
    await sandboxee.result;
    expect(await sandboxee.comms.recvString()).to.equal('one');
    expect(await sandboxee.comms.recvString()).to.equal('two');
    expect(await sandboxee.comms.recvString()).to.equal('three');
    expect(await sandboxee.comms.recvString().catch((error: unknown) => error)).to.be.instanceOf(PeerGone);
    sandboxee.comms.close();
  });
});
