import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { expect } from 'chai';
import { policies, type Sandboxee, type Tier } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { holdings } from '../support/leaks.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { needsNamespaces } from '../support/tier.js';

const NAMESPACES = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'];
/** O_CLOEXEC, in the octal of /proc/PID/fdinfo. */
const CLOEXEC = 0o2000000;

const namespaceOf = ({ pid }: Sandboxee, name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`);

describe('two sandboxees', () => {
  leakGate();

  it('share no namespace with each other, the network and IPC among them', async function () {
    needsNamespaces(this, 'there are none');
    await using first = await launchPuppet();
    await using second = await launchPuppet();
    for (const name of NAMESPACES) expect(namespaceOf(first, name), name).to.not.equal(namespaceOf(second, name));
  });

  it('see each its own processes alone', async function () {
    needsNamespaces(this, 'it sees no /proc at all');
    const processes = (): Promise<Sandboxee> =>
      launchPuppet({
        before: ({ modules: { fs }, state }) => {
          state.found = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
        },
      });
    await using first = await processes();
    await using second = await processes();
    for (const each of [first, second]) {
      expect(await perform(each, ({ state }) => state.found)).to.deep.equal(['1', '2']);
    }
  });

  it('under different policies and tiers, launched in turns, have each what is its own', async () => {
    const [open, closed] = [policies.node().allowOpen().addFile('/etc/hostname'), policies.node()];
    const look = async (builder: typeof open, tier: Tier): Promise<string[]> => {
      await using puppet = await launchPuppet({ policy: builder.build(), tier });
      expect(puppet.layers.find(({ name }) => name === 'mount-namespace')?.state).to.equal(
        tier === 'full' ? 'on' : 'off',
      );
      return await perform(puppet, ({ modules: { fs } }) =>
        ['/etc/hostname', '/etc/passwd'].map((path) => {
          try {
            fs.closeSync(fs.openSync(path, 'r'));
            return 'opened';
          } catch (error) {
            return String((error as NodeJS.ErrnoException).code);
          }
        }),
      );
    };
    const turns = [
      [open, 'full', 'opened', 'ENOENT'],
      [closed, 'base', 'ENOENT', 'ENOENT'],
      [open, 'base', 'opened', 'EACCES'],
      [closed, 'full', 'ENOENT', 'ENOENT'],
    ] as const;
    for (const [builder, tier, ...answers] of [...turns, ...turns]) {
      expect(await look(builder, tier)).to.deep.equal(answers);
    }
    await Promise.all(
      turns.map(async ([builder, tier, ...answers]) => expect(await look(builder, tier)).to.deep.equal(answers)),
    );
  });
});

describe('what the broker holds of a sandboxee', () => {
  leakGate();

  it('is closed in every program that the broker starts: each fd is close-on-exec', async () => {
    const before = new Set(readdirSync('/proc/self/fd'));
    await using puppet = await launchPuppet({ node: { fds: { log: 'pipe', talk: 'socket' } } });
    using _buffer = puppet.createBuffer(4096);
    const added = readdirSync('/proc/self/fd').filter((fd) => !before.has(fd));
    const flags = added.flatMap((fd) => {
      try {
        return [
          {
            fd,
            flags: Number.parseInt(
              /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '',
              8,
            ),
          },
        ];
      } catch {
        return [];
      }
    });
    expect(flags.length).to.be.greaterThan(5);
    for (const { fd, flags: each } of flags) {
      expect(each & CLOEXEC, `${fd}: ${readlinkSync(`/proc/self/fd/${fd}`)}`).to.equal(CLOEXEC);
    }
    for (const end of puppet.fds.values()) end.close();
  });

  it('is no zombie once the result is there', async () => {
    const { children } = holdings();
    const puppets = await Promise.all([launchPuppet(), launchPuppet(), launchPuppet()]);
    expect(holdings().children).to.have.length(children.length + 3);
    for (const puppet of puppets) {
      puppet.kill();
      await puppet.result;
    }
    expect(holdings().children).to.deep.equal(children);
  });
});
