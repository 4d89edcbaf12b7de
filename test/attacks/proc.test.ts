import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { isUserInBase, needsNamespaces, tierUnderTest } from '../support/tier.js';

const { EACCES, EPERM, ENOSYS } = constants.errno;

/** While paths still resolve: before the gate, where a hostile import would be. */
describe('the /proc of a sandboxee, before the gate', () => {
  leakGate();

  it('shows nothing of pid 1 that is worth reading, and nothing to write', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ modules: { fs }, state }) => {
        const attempt = (path: string, flags: string): string => {
          try {
            fs.closeSync(fs.openSync(path, flags));
            return 'opened';
          } catch (error) {
            return (error as NodeJS.ErrnoException).code ?? String(error);
          }
        };
        const readable = ['mem', 'environ', 'maps', 'auxv', 'stack', 'syscall', 'pagemap', 'io'];
        const writable = ['mem', 'oom_score_adj', 'clear_refs', 'comm', 'coredump_filter'];
        state.answers = Object.fromEntries([
          ...readable.map((name) => [`read ${name}`, attempt(`/proc/1/${name}`, 'r')]),
          ...writable.map((name) => [`write ${name}`, attempt(`/proc/1/${name}`, 'r+')]),
        ]);
        state.links = ['exe', 'cwd', 'root', 'fd/0', 'fd/3', 'ns/mnt'].map((name) => {
          try {
            return fs.readlinkSync(`/proc/1/${name}`);
          } catch (error) {
            return (error as NodeJS.ErrnoException).code;
          }
        });
        state.contents = ['environ', 'maps', 'auxv'].map((name) => {
          try {
            return fs.readFileSync(`/proc/1/${name}`, 'latin1');
          } catch {
            return '';
          }
        });
      },
    });
    const { answers, links, contents } = (await perform(sandboxee, ({ state }) => state)) as {
      answers: Record<string, string>;
      links: string[];
      contents: string[];
    };
    for (const [what, answer] of Object.entries(answers)) {
      if (!what.startsWith('read ') || !/auxv|maps|environ/.test(what))
        expect(answer, what).to.be.oneOf(['EACCES', 'EPERM', 'ENOENT']);
    }
    expect(contents).to.deep.equal(['', '', '']);
    for (const link of links) expect(link).to.be.oneOf(['EACCES', 'EPERM', 'ENOENT']);
  });

  it('cannot be traced, read or written by syscall either', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ attack, state }) => {
        const vector = Buffer.alloc(16);
        state.answers = [
          attack.syscall(101, 16, 1, 0, 0),
          attack.syscall(310, 1, vector, 1, vector, 1, 0),
          attack.syscall(311, 1, vector, 1, vector, 1, 0),
          attack.syscall(312, 1, 2, 0, 0, 0),
        ];
        const pidfd = attack.syscall(434, 1, 0);
        state.stolen = attack.syscall(438, pidfd, 3, 0);
        attack.syscall(3, pidfd);
      },
    });
    expect(await perform(sandboxee, ({ state }) => state)).to.deep.equal({
      answers: [-ENOSYS, -ENOSYS, -ENOSYS, -ENOSYS],
      stolen: -ENOSYS,
    });
  });

  it('lets pid 1 be signalled without an effect', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ attack }) => {
        for (const signal of [1, 2, 9, 15, 19]) attack.syscall(62, 1, signal);
      },
    });
    expect(await perform(sandboxee, () => 'alive')).to.equal('alive');
  });

  it('shows its own processes only', async function () {
    needsNamespaces(this, 'it may not list /proc');
    await using sandboxee = await launchPuppet({
      before: ({ modules: { fs }, state }) => {
        state.processes = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
        state.others = fs.readdirSync('/proc').filter((name) => !/^\d+$/.test(name));
      },
    });
    const { processes, others } = (await perform(sandboxee, ({ state }) => state)) as Record<string, string[]>;
    expect(processes).to.deep.equal(['1', '2']);
    expect(others).to.have.members(['self', 'thread-self']);
  });

  it('lets no read-only fd be opened again for writing', async () => {
    await using sandboxee = await launchPuppet({
      before: ({ attack, modules: { fs }, state }) => {
        const fd = fs.openSync(process.argv[1] ?? '', 'r');
        const link = Buffer.from(`/proc/self/fd/${fd}\0`);
        // openat with O_WRONLY, O_RDWR, O_RDWR|O_TRUNC; truncate
        state.answers = [
          ...[1, 2, 0x202].map((flags) => attack.syscall(257, -100, link, flags)),
          attack.syscall(76, link, 0),
        ];
        fs.closeSync(fd);
      },
    });
    for (const answer of (await perform(sandboxee, ({ state }) => state.answers)) as number[]) {
      expect(answer).to.be.oneOf([-EACCES, -EPERM, -constants.errno.EROFS]);
    }
  });
});

describe('the launcher as pid 1', () => {
  leakGate();

  it('has an empty environment, its own filter on top of stage 0, and cannot be dumped', async () => {
    await using sandboxee = await launchPuppet();
    const init = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${sandboxee.pid}/status`, 'latin1'))?.[1];
    const status = readFileSync(`/proc/${init}/status`, 'latin1');
    const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '';
    if (tierUnderTest === 'full') expect(field('NSpid')).to.match(/\s1$/);
    expect({ mode: field('Seccomp'), filters: field('Seccomp_filters'), threads: field('Threads') }).to.deep.equal({
      mode: '2',
      // In base stage 0 is the program's alone.
      filters: tierUnderTest === 'full' ? '2' : '1',
      threads: '1',
    });
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(field(set), set).to.match(/^0+$/);
    if (!isUserInBase) expect(field('CapBnd')).to.match(/^0+$/);
    if (process.geteuid?.() !== 0) {
      // What is not dumpable belongs to root, and is closed to its own user.
      expect(() => readdirSync(`/proc/${init}/fd`)).to.throw(/EACCES/);
      return;
    }
    expect(readFileSync(`/proc/${init}/environ`, 'latin1')).to.equal('');
    expect(readFileSync(`/proc/${init}/cmdline`, 'latin1')).to.equal('sallyport-launcher\0');
  });
});
