import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { launch, node, policies, type Sandboxee } from '../../broker/index.js';
import { packageRoot } from '../../native/locate.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';
import { demandedTier, isUserInBase, needsNamespaces, tierUnderTest } from '../support/tier.js';

/** Of /proc/PID/status, by name. */
function statusOf(pid: number | string): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'latin1').split('\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

/** Without a user namespace only root can empty the bounding set; no_new_privs makes it worth nothing. */
function emptySets(): readonly string[] {
  const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'];
  return isUserInBase ? sets : [...sets, 'CapBnd'];
}

describe('the identity of a sandboxee', () => {
  leakGate();

  it('has no capability in any set, no new privileges, two filters, no groups', async () => {
    await using sandboxee = await launchPuppet();
    const status = statusOf(sandboxee.pid);
    for (const set of emptySets()) expect(status.get(set), set).to.match(/^0+$/);
    expect(status.get('NoNewPrivs')).to.equal('1');
    expect(status.get('Seccomp')).to.equal('2');
    expect(status.get('Seccomp_filters')).to.equal('2');
    if (process.geteuid?.() === 0) expect(status.get('Groups')).to.equal('');
  });

  it('is a uid of its own for each, where the broker is root', async function () {
    if (process.geteuid?.() !== 0) {
      console.log('      an ordinary user has one uid to give');
      this.skip();
    }
    const uids = async (): Promise<string[]> => {
      await using first = await launchPuppet();
      await using second = await launchPuppet();
      return [first, second].map(({ pid }) => statusOf(pid).get('Uid') ?? '');
    };
    const [first = '', second = ''] = await uids();
    expect(first).to.not.equal(second);
    for (const four of [first, second]) {
      const ids = new Set(four.split('\t'));
      expect(ids.size, four).to.equal(1);
      expect(Number([...ids][0])).to.be.at.least(1_000);
    }
  });

  it('is in a session of its own, without a terminal', async () => {
    await using sandboxee = await launchPuppet();
    const fields = readFileSync(`/proc/${sandboxee.pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    const own = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
    expect(fields[3]).to.not.equal(own[3]);
    expect(fields[4], 'no controlling terminal').to.equal('0');
  });

  it('may leave a core of one byte, which no core pattern takes for a dump', async () => {
    await using sandboxee = await launchPuppet();
    expect(readFileSync(`/proc/${sandboxee.pid}/limits`, 'latin1')).to.match(/^Max core file size +1 +1 +bytes/m);
  });

  it('is in namespaces of its own', async function () {
    needsNamespaces(this, 'there are none');
    await using sandboxee = await launchPuppet();
    for (const name of ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']) {
      expect(readlinkSync(`/proc/${sandboxee.pid}/ns/${name}`), name).to.not.equal(
        readlinkSync(`/proc/self/ns/${name}`),
      );
    }
  });
});

describe('what a sandboxee finds', () => {
  leakGate();

  it('is an environment that is empty but for what is named', async () => {
    // Node ends where OpenSSL's own file is there and cannot be opened.
    const always = tierUnderTest === 'full' ? {} : { OPENSSL_CONF: '/dev/null' };
    process.env.SALLYPORT_TEST_SECRET = 'secret';
    try {
      await using bare = await launchPuppet();
      expect(await perform(bare, () => ({ ...process.env }))).to.deep.equal(always);
      await using named = await launchPuppet({ node: { env: { LANG: 'C' } } });
      expect(await perform(named, () => ({ ...process.env }))).to.deep.equal({ ...always, LANG: 'C' });
    } finally {
      delete process.env.SALLYPORT_TEST_SECRET;
    }
  });

  it('is the name of a host that is not this one, a working directory, and pid 2', async function () {
    needsNamespaces(this, 'it sees the name of the host, and its own pid there');
    await using sandboxee = await launchPuppet({
      policy: policies.node().setHostname('gatehouse').setWorkingDirectory('/dev').build(),
    });
    const found = await perform(sandboxee, ({ modules: { os } }) => [
      os.hostname(),
      process.cwd(),
      process.pid,
      process.ppid,
    ]);
    expect(found).to.deep.equal(['gatehouse', '/dev', 2, 1]);
    await using nameless = await launchPuppet();
    expect(await perform(nameless, ({ modules: { os } }) => [os.hostname(), process.cwd()])).to.deep.equal([
      'sandboxee',
      '/',
    ]);
  });

  it('is no network: a loopback that is down, no address, no route', async function () {
    needsNamespaces(this, 'the interfaces are those of the host, and what is refused instead is in test/tiers');
    await using sandboxee = await launchPuppet({
      before: ({ modules: { fs, os }, state }) => {
        state.interfaces = Object.keys(os.networkInterfaces());
        state.devices = fs
          .readFileSync('/proc/self/net/dev', 'utf8')
          .split('\n')
          .slice(2)
          .map((line) => line.split(':')[0]?.trim());
        state.routes = fs.readFileSync('/proc/self/net/route', 'utf8').trim().split('\n').length - 1;
        state.sockets = fs.readFileSync('/proc/self/net/unix', 'utf8').trim().split('\n').length - 1;
      },
    });
    const found = await perform(sandboxee, ({ state }) => state);
    expect(found).to.deep.include({ interfaces: [], routes: 0, sockets: 0 });
    for (const device of (found as { devices: string[] }).devices) expect(device).to.be.oneOf(['lo', '']);
  });

  it('are its fds: no input, two pipes, comms, and what Node itself opens', async function () {
    needsNamespaces(this, 'it may not look into /proc');
    await using sandboxee = await launchPuppet({
      before: ({ modules: { fs }, state }) => {
        const open = fs.readdirSync('/proc/self/fd').flatMap((fd) => {
          try {
            return [[fd, fs.readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N')]];
          } catch {
            return [];
          }
        });
        state.fds = Object.fromEntries(open);
      },
    });
    const {
      0: input,
      1: output,
      2: errors,
      3: comms,
      ...others
    } = (await perform(sandboxee, ({ state }) => state.fds)) as Record<string, string>;
    expect({ input, output, errors, comms }).to.deep.equal({
      input: '/dev/null',
      output: 'pipe:[N]',
      errors: 'pipe:[N]',
      comms: 'socket:[N]',
    });
    for (const target of Object.values(others))
      expect(target).to.be.oneOf(['anon_inode:[eventpoll]', 'anon_inode:[eventfd]', 'pipe:[N]', '/dev/null']);
  });
});

describe('the files of a sandboxee', () => {
  leakGate();
  const sdk = new URL('../../sandboxee-sdk/index.js', import.meta.url).href;
  let home: string;

  before(() => {
    home = mkdtempSync(join(tmpdir(), 'sallyport-world-'));
    chmodSync(home, 0o755);
    const app = join(home, 'app');
    mkdirSync(join(app, '.git'), { recursive: true });
    mkdirSync(join(app, 'lib'));
    writeFileSync(join(home, 'secret-beside'), 'secret');
    for (const name of ['.env', '.env.local', '.git/config', 'lib/.env', 'lib/shown.js'])
      writeFileSync(join(app, name), 'secret');
    copyFileSync(new URL('./fixtures/look.js', import.meta.url), join(app, 'look.mjs'));
  });

  after(() => rmSync(home, { recursive: true }));

  async function look(...paths: string[]): Promise<Record<string, string[] | string>> {
    await using sandboxee: Sandboxee = await launch(node(join(home, 'app/look.mjs'), { args: [sdk, ...paths] }), {
      policy: policies.node().build(),
      ...demandedTier,
    });
    return (await sandboxee.comms.recvValue()) as Record<string, string[] | string>;
  }

  it('are exactly those that it needs, each at its own place', async function () {
    needsNamespaces(this, 'it may list no folder of the host');
    const found = await look('/', '/dev', '/etc', home);
    const top = (path: string): string => path.split('/')[1] ?? '';
    const needed = new Set([
      'dev',
      'proc',
      top(home),
      top(process.execPath),
      top(packageRoot()),
      'etc',
      'lib',
      'lib64',
      'usr',
      'bin',
    ]);
    for (const name of found['/'] ?? []) expect([...needed], name).to.include(name);
    expect(found['/dev']).to.deep.equal(['null', 'random', 'urandom', 'zero']);
    // What the loader reads; musl's has none.
    if (found['/etc'] !== 'ENOENT') expect(found['/etc']).to.deep.equal(['ld.so.cache']);
    expect(found[home]).to.deep.equal(['app']);
  });

  it('are of its script the folder, but for secrets and history', async () => {
    const app = join(home, 'app');
    const found = await look(
      join(app, 'lib/shown.js'),
      join(app, '.env'),
      join(app, '.env.local'),
      join(app, 'lib/.env'),
      join(app, '.git'),
    );
    expect(found[join(app, 'lib/shown.js')]).to.equal('secret');
    for (const name of ['.env', '.env.local', 'lib/.env']) expect(found[join(app, name)], name).to.not.match(/secret/);
    expect(found[join(app, '.git')]).to.deep.equal(tierUnderTest === 'full' ? [] : 'EACCES');
  });

  it('are none of the host’s: accounts, keys, other programs, sources of sallyport itself, the addon of the broker', async () => {
    const hidden = [
      '/etc/passwd',
      '/etc/shadow',
      '/root',
      '/home',
      '/bin/sh',
      '/usr/bin/env',
      '/sys',
      '/run',
      '/var',
      join(home, 'secret-beside'),
      join(packageRoot(), 'broker'),
      join(packageRoot(), '.git'),
      join(packageRoot(), 'native/build/Release/broker.node'),
    ];
    const found = await look(...hidden);
    for (const path of hidden)
      expect(found[path], path).to.be.oneOf(tierUnderTest === 'full' ? ['ENOENT'] : ['ENOENT', 'EACCES']);
  });
});
