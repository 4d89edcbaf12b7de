import { constants } from 'node:os';
import { expect } from 'chai';
import {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyPermitAllAndLog,
  describeLayer,
  describeResult,
  type PermittedSyscall,
  PolicyBuilder,
  policies,
} from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { numberOf } from '../support/syscalls.js';
import { beginCall, call, requireViolation } from './support.js';

const { EINVAL, EPERM } = constants.errno;

const allowAll = new PolicyBuilder()
  .named('allow all')
  .allowMmap(dangerouslyAllowExecutableMemory)
  .allowMprotect(dangerouslyAllowExecutableMemory)
  .defaultAction(dangerouslyAllowAllSyscalls);

const onX64 = process.arch === 'x64' ? it : it.skip;

describe('under a policy that allows all', () => {
  leakGate();

  for (const [name, number] of [
    ['exit', 1],
    ['access', 33],
  ] as const) {
    onX64(
      `int 0x80 with the number of ${name} (x86-64 alone has it) is a violation of the architecture, with that number`,
      async () => {
        await using sandboxee = await launchPuppet({ policy: allowAll.build() });
        await begin(sandboxee, ({ attack }, called: number) => attack.int80(called), number);
        const result = requireViolation(await sandboxee.result);
        expect(result.kind).to.equal('architecture');
        expect(result.syscall).to.include({ number, architecture: 'i386' });
        expect(result.syscall.reason.by).to.equal('architecture');
        expect(describeResult(result)).to.match(
          new RegExp(
            `^violation: syscall ${number} of i386\\(.*\\n  by a refusal that every policy has; refused whatever`,
          ),
        );
      },
    );
  }

  onX64('a number of x32 (x86-64 alone has them) is a violation of the architecture', async () => {
    await using sandboxee = await launchPuppet({ policy: allowAll.build() });
    await begin(sandboxee, ({ attack }) => attack.syscall(0x40000000 + 39));
    const result = requireViolation(await sandboxee.result);
    expect(result.kind).to.equal('architecture');
    expect(result.syscall).to.include({ number: 0x40000000 + 39, architecture: 'x32' });
    expect(result.syscall.text).to.match(/^syscall 39 of x32\(/);
  });

  for (const name of ['ptrace', 'bpf'] as const) {
    it(`${name} is a violation with its number, and nothing is hinted that would allow it`, async () => {
      await using sandboxee = await launchPuppet({ policy: allowAll.build() });
      await beginCall(sandboxee, name);
      const result = requireViolation(await sandboxee.result);
      expect(result).to.include({ kind: 'syscall' });
      expect(result.syscall).to.include({ name, number: numberOf(name) });
      expect(result.syscall.reason.hint).to.match(/^refused whatever the policy says: /);
    });
  }

  it('ptrace and bpf have the errno that blockSyscallsWithErrno gives them', async () => {
    const policy = allowAll.blockSyscallsWithErrno(['ptrace', 'bpf'], 'EPERM').build();
    await using sandboxee = await launchPuppet({ policy });
    for (const name of ['ptrace', 'bpf'] as const) expect(await call(sandboxee, name)).to.equal(-EPERM);
    expect((await sandboxee.close()).denials).to.deep.equal([]);
  });

  it('clone with CLONE_UNTRACED reaches the kernel, for nothing here is traced by ptrace', async () => {
    await using sandboxee = await launchPuppet({ policy: allowAll.build() });
    // CLONE_UNTRACED|CLONE_SIGHAND: without CLONE_VM the kernel refuses it before there is a child.
    expect(await call(sandboxee, 'clone', 0x00800000 | 0x800)).to.equal(-EINVAL);
  });
});

describe('a violation under the preset', () => {
  leakGate();

  it('by clone with CLONE_UNTRACED is told with its flags', async () => {
    await using sandboxee = await launchPuppet();
    await beginCall(sandboxee, 'clone', 0x00800000 | 0x800);
    expect(requireViolation(await sandboxee.result).syscall.text).to.match(/^clone\(CLONE_SIGHAND\|CLONE_UNTRACED/);
  });

  it('says in one more line which rule it was and what would allow it, and that does allow it', async () => {
    await using sandboxee = await launchPuppet();
    await beginCall(sandboxee, 'getpriority', 0, 0);
    const [, why] = describeResult(await sandboxee.result).split('\n');
    expect(why).to.equal("  by the default action: no rule mentions it; .allowSyscall('getpriority') would allow it");
    await using second = await launchPuppet({ policy: policies.node().allowSyscall('getpriority').build() });
    expect(await call(second, 'getpriority', 0, 0)).to.equal(20);
  });

  it('by a denied path says so, too, and so does the denial', async () => {
    const reason = {
      by: 'preset',
      rule: 'by policies.node(): no path is resolved',
      hint: ".allowSyscall('openat') would allow it",
    };
    await using sandboxee = await launchPuppet();
    await perform(sandboxee, ({ modules: { fs } }) => fs.promises.readFile('/etc/passwd').catch(() => {}));
    expect((await sandboxee.close()).denials[0]?.reason).to.deep.equal(reason);
    await using strict = await launchPuppet({ policy: policies.node({ onDenied: 'kill' }).build() });
    await begin(strict, ({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
    expect(requireViolation(await strict.result).syscall.reason).to.deep.equal(reason);
  });
});

describe('dangerouslyPermitAllAndLog', () => {
  leakGate();

  const permitting = new PolicyBuilder().named('watching').defaultAction(dangerouslyPermitAllAndLog).build();

  it('lets everything go on that is not always refused, and tells of it with paths', async () => {
    await using sandboxee = await launchPuppet({ policy: permitting });
    const permitted: PermittedSyscall[] = [];
    sandboxee.events.on('permitted', (syscall) => permitted.push(syscall));
    const found = await perform(sandboxee, ({ modules: { fs } }) => {
      return fs.existsSync('/proc/self/status') && !fs.existsSync('/nowhere/at/all');
    });
    expect(found).to.equal(true);
    await beginCall(sandboxee, 'ptrace');
    expect(requireViolation(await sandboxee.result).syscall.name).to.equal('ptrace');
    expect(permitted.map(({ text }) => text).join('\n')).to.match(/"\/nowhere\/at\/all"/);
  });

  it('tells of calls that are the same as one, and counts what came too fast', async () => {
    await using sandboxee = await launchPuppet({ policy: permitting });
    let same = 0;
    let others = 0;
    let dropped = 0;
    sandboxee.events.on('permitted', ({ name, count }) => {
      if (name === 'getpriority') same += count;
      if (name === 'access') others += count;
    });
    sandboxee.events.on('permitted-dropped', (count) => {
      dropped += count;
    });
    const times = 2000;
    await perform(
      sandboxee,
      ({ attack, modules: { fs } }, number: number, count: number) => {
        for (let at = 0; at < count; at += 1) attack.syscall(number, 0, 0);
        for (let at = 0; at < count; at += 1) fs.existsSync(`/nowhere/${at}`);
      },
      numberOf('getpriority'),
      times,
    );
    await sandboxee.close();
    expect(same + dropped).to.be.at.least(times);
    expect(same).to.be.at.most(times);
    expect(others).to.be.lessThan(times);
    expect(same + others + dropped).to.be.at.least(2 * times);
  });

  it('is a layer that is off, with the reason', async () => {
    await using sandboxee = await launchPuppet({ policy: permitting });
    const layer = sandboxee.layers.find(({ name }) => name === 'seccomp');
    expect(layer && describeLayer(layer)).to.equal(
      "seccomp: off (policy 'watching' only logs what no rule decides: dangerouslyPermitAllAndLog)",
    );
  });

  it('leaves what a preset decides as it is', async () => {
    const policy = policies.node().defaultAction(dangerouslyPermitAllAndLog).build();
    await using sandboxee = await launchPuppet({ policy });
    const permitted: string[] = [];
    sandboxee.events.on('permitted', ({ name }) => permitted.push(name));
    expect(await call(sandboxee, 'getpriority', 0, 0)).to.equal(20);
    const denied = await perform(sandboxee, ({ modules: { fs } }) => fs.existsSync('/etc/passwd'));
    expect(denied).to.equal(false);
    const { denials } = await sandboxee.close();
    expect(permitted).to.deep.equal(['getpriority']);
    expect(denials).to.have.length(1);
  });
});
