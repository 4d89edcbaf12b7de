import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type LaunchOptions, launch, type Policy, PolicyBuilder, program } from '../../broker/index.js';
import { whyRefusedAltogether } from '../../broker/policy/refused.js';
import { hostArchitecture, syscallTable } from '../../broker/policy/syscalls/index.js';
import { attackProgram } from '../support/build.js';

/** Everything that can be allowed. */
const widest: Policy = new PolicyBuilder({ name: 'widest' })
  .allowSyscalls(
    ...[...syscallTable(hostArchitecture()).names()].filter((name) => whyRefusedAltogether(name) === undefined),
  )
  .build();

const { EACCES, EPERM, ENOTTY } = constants.errno;

const PROC = ['environ', 'mem', 'maps', 'fd/0', 'cmdline', 'root/etc/passwd', 'cwd'];

/** What each attempt of test/native/beyond.c ends in. */
const WITHHELD: Readonly<Record<string, number>> = {
  read: EACCES,
  'read-by-link': EACCES,
  write: EACCES,
  empty: EACCES,
  'empty-granted': EACCES,
  'truncate-granted': EACCES,
  'write-granted': EACCES,
  'reopen-granted': EACCES,
  'fchmod-granted': EPERM,
  'futimens-granted': EPERM,
  'setflags-granted': ENOTTY,
  'read-granted': 0,
  create: EACCES,
  tmpfile: EACCES,
  list: EACCES,
  truncate: EACCES,
  chmod: EPERM,
  chown: EPERM,
  utime: EPERM,
  setxattr: EPERM,
  unlink: EACCES,
  rename: EACCES,
  link: EACCES,
  symlink: EACCES,
  mkdir: EACCES,
  mkfifo: EACCES,
  inotify: EACCES,
  execute: EACCES,
  'unix-stream': EACCES,
  'unix-datagram': EACCES,
  'unix-pair': EACCES,
  abstract: EACCES,
  tcp: EACCES,
  udp: EACCES,
  listen: constants.errno.EBADF,
  shm: EACCES,
  sem: EACCES,
  msg: EACCES,
  mq: EACCES,
  'kill-broker': EPERM,
  'kill-launcher': EPERM,
  'tgkill-broker': EPERM,
  'queue-broker': EPERM,
  'pidfd-launcher': EPERM,
  'affinity-launcher': EPERM,
  'kill-self': 0,
};

/** What of the host test/native/beyond.c tries to reach: a folder that everybody may write to, and sockets. */
export class Host implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sallyport-host-'));
  readonly granted: string;
  readonly #servers: Server[] = [];
  #port = 0;

  static async open(): Promise<Host> {
    const host = new Host();
    await host.#listen({ path: join(host.folder, 'socket') });
    await host.#listen({ path: `\0${host.abstract}` });
    const tcp = await host.#listen({ host: '127.0.0.1', port: 0 });
    const address = tcp.address();
    if (address !== null && typeof address === 'object') host.#port = address.port;
    chmodSync(join(host.folder, 'socket'), 0o777);
    return host;
  }

  private constructor() {
    const { folder } = this;
    chmodSync(folder, 0o777);
    writeFileSync(join(folder, 'file'), 'of the host');
    chmodSync(join(folder, 'file'), 0o666);
    symlinkSync('file', join(folder, 'link'));
    mkdirSync(join(folder, 'shown'));
    this.granted = join(folder, 'shown/granted');
    writeFileSync(this.granted, 'granted');
    chmodSync(this.granted, 0o666);
  }

  get abstract(): string {
    return `sallyport-test-${process.pid}`;
  }

  async #listen(where: { path: string } | { host: string; port: number }): Promise<Server> {
    const server = createServer((socket) => socket.destroy());
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(where, resolve));
    return server;
  }

  /** Runs it, under a policy that allows everything: each attempt with its errno. */
  async attempts(options: Partial<LaunchOptions> = {}): Promise<Map<string, number>> {
    const path = attackProgram('beyond');
    const args = [this.folder, String(process.pid), String(this.#port), this.abstract, this.granted];
    await using sandboxee = await launch(program(path, { args, read: [this.granted] }), { policy: widest, ...options });
    let text = '';
    sandboxee.events.on('output', (_stream, chunk) => {
      text += chunk;
    });
    const result = await sandboxee.result;
    if (result.status !== 'ok') throw new Error(`${result.status} after ${text}`);
    return new Map(
      text
        .trimEnd()
        .split('\n')
        .map((line): [string, number] => {
          const [name = '', errno = ''] = line.split(' ');
          return [name, Number(errno)];
        }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function expectNothingReached(host: Host, found: ReadonlyMap<string, number>): void {
  for (const [name, errno] of Object.entries(WITHHELD)) expect(found.get(name), name).to.equal(errno);
  for (const whose of ['broker', 'launcher', 'init', 'own']) {
    // Its own stdin is /dev/null, which it may open.
    for (const name of PROC.filter((each) => whose !== 'own' || each !== 'fd/0'))
      expect(found.get(`proc-${whose}-${name}`), `${name} of ${whose}`).to.equal(EACCES);
  }
  expect(readFileSync(join(host.folder, 'file'), 'utf8')).to.equal('of the host');
  expect(readFileSync(host.granted, 'utf8')).to.equal('granted');
  expect(statSync(host.granted).mode & 0o777).to.equal(0o666);
}
