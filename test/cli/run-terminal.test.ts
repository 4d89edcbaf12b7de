import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { expect } from 'chai';
import * as native from '../../native/broker.js';
import { leakGate } from '../support/leak-gate.js';
import { COMMAND } from './support.js';

/**
 * The session outlives the command, as a user's does: with the end of a session the kernel hangs its terminal up, and what was
 * written last may never be read.
 */
const SESSION = '"$@"; echo "(ended $?)"; read -r _';

/** Milliseconds, a little less than a test has. */
const PATIENCE = 18_000;

/** A user at a terminal. */
class User {
  readonly #own: number;
  readonly #reader: ReadStream;
  readonly #child: ChildProcess;
  #text = '';
  #heard: () => void = () => {};
  #giveUp: (why: Error) => void = () => {};

  constructor(...args: readonly string[]) {
    const [own, theirs] = native.openTerminal(0);
    this.#own = own;
    const shell = ['--ctty', '--wait', 'sh', '-c', SESSION, 'sh'];
    const command = [...shell, process.execPath, COMMAND, 'run', '--', ...args];
    this.#child = spawn('setsid', command, { stdio: [theirs, theirs, theirs], env: { ...process.env, TERM: 'dumb' } });
    closeSync(theirs);
    this.#reader = new ReadStream(own);
    this.#reader.on('error', () => this.#reader.destroy());
    this.#reader.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#heard();
    });
  }

  async seesWithin(patience: number, text: string): Promise<boolean> {
    try {
      await this.sees(text, patience);
      return true;
    } catch {
      return false;
    }
  }

  /** Until it has written that; what came before is forgotten. */
  async sees(text: string, patience = PATIENCE): Promise<void> {
    await this.#until(text, patience);
    this.#text = this.#text.slice(this.#text.indexOf(text) + text.length);
  }

  async #until(text: string, patience = PATIENCE): Promise<void> {
    const late = setTimeout(() => this.#giveUp(new Error(`no ${text} in ${JSON.stringify(this.#text)}`)), patience);
    try {
      while (!this.#text.includes(text)) {
        await new Promise<void>((resolve, reject) => {
          this.#heard = resolve;
          this.#giveUp = reject;
        });
      }
    } finally {
      clearTimeout(late);
    }
  }

  types(text: string): void {
    this.#reader.write(text);
  }

  resize(rows: number, columns: number): void {
    native.setWindowSize(this.#own, rows, columns);
  }

  async ends(): Promise<number> {
    await this.sees('(ended ');
    await this.#until(')');
    const code = Number.parseInt(this.#text, 10);
    this.types('\n');
    await once(this.#child, 'exit');
    return code;
  }

  /** In any case. */
  close(): void {
    this.#reader.destroy();
    this.#child.kill('SIGKILL');
  }
}

/**
 * Says that it is there in letters that its command line does not have. Not a shell: between the fork and the exec of what it
 * starts dash loses a SIGINT, anywhere.
 */
const LONG = `perl -e '$| = 1; print "u"."p\\n"; sleep 1000'`;

describe('sallyport run in a terminal', () => {
  leakGate();
  const users: User[] = [];

  function at(...args: readonly string[]): User {
    const user = new User(...args);
    users.push(user);
    return user;
  }

  afterEach(() => {
    for (const user of users.splice(0)) user.close();
  });

  it('bash: line editing, job control, Ctrl-C, Ctrl-Z, the size', async () => {
    const user = at('bash', '--norc');
    await user.sees('$ ');
    user.types(`echo $((20+1))x; stty size; ${LONG}\n`);
    await user.sees('21x');
    await user.sees('0 0');
    await user.sees('up\r');
    user.types('\x03');
    await user.sees('$ ');
    user.types('echo st=$?\n');
    await user.sees('st=130');
    user.types(`${LONG}\n`);
    await user.sees('up\r');
    user.types('\x1a');
    await user.sees('Stopped');
    user.types('kill -9 %1; wait; sh -c \'trap "stty size; exit" WINCH; echo rea""dy; while :; do sleep 0.1; done\'\n');
    await user.sees('ready');
    user.resize(41, 101);
    await user.sees('41 101');
    user.types('exit 7\n');
    expect(await user.ends()).to.equal(7);
  });

  it('node: the prompt, Ctrl-C in a loop', async () => {
    // Without us as well, on a busy machine, Node's prompt does not survive one Ctrl-C of fifty.
    for (let attempts = 3; ; attempts -= 1) {
      const user = at('node');
      await user.sees('> ');
      user.types('6 * 111\n');
      await user.sees('666');
      user.types("for (let i = 0; ; i += 1) if (i === 0) console.log('loop' + 'ing')\n");
      await user.sees('looping');
      user.types('\x03');
      if (attempts > 1 && !(await user.seesWithin(3000, 'interrupted'))) continue;
      if (attempts === 1) await user.sees('interrupted');
      user.types('.exit\n');
      expect(await user.ends()).to.equal(0);
      return;
    }
  }).timeout(60_000);

  it('Ctrl-C ends a program that does not care for it', async () => {
    const user = at('perl', '-e', '$| = 1; print "ready\\n"; sleep 1000');
    await user.sees('ready');
    user.types('\x03');
    await user.sees('sallyport: ended by SIGINT');
    expect(await user.ends()).to.equal(130);
  });

  it('no program has the terminal of the user', async () => {
    const user = at(
      'sh',
      '-c',
      'ls -l /proc/self/fd/0; tty; stty raw -echo; echo raw; exec 3<>/dev/tty; echo opened >&3',
    );
    await user.sees('opened');
    expect(await user.ends()).to.equal(0);
  });

  it('typing into it is a violation', async () => {
    const user = at('perl', '-e', 'my $x = "x"; ioctl(STDIN, 0x5412, $x)');
    await user.sees('sallyport: violation: ioctl(0, TIOCSTI');
    expect(await user.ends()).to.equal(159);
  });
});
