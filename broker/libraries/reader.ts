import { join } from 'node:path';
import { packageRoot } from '../../native/locate.js';
import type { Fd } from '../../protocols/fd.js';
import { escapeText } from '../../protocols/text.js';
import { MiB } from '../../protocols/units.js';
import { LaunchError } from '../errors.js';
import { type Executor, node } from '../executor.js';
import type { LaunchOptions } from '../launch-options.js';
import { PlanError } from '../plan/errors.js';
import { policies } from '../policy/presets.js';
import { describeResult } from '../result.js';
import type { Sandboxee } from '../sandboxee.js';

/** Handed in, since a launch is what looks for libraries. */
export type Launch = (executor: Executor, options: LaunchOptions) => Promise<Sandboxee>;

/** What an ELF file says that it needs; nothing more is believed of it. */
export interface Needs {
  readonly interpreter: string | undefined;
  /** Names without a folder. */
  readonly needed: readonly string[];
}

const MOST_NEEDED = 256;
const LIBRARY_NAME = /^[A-Za-z0-9_+~@=,.-]{1,255}$/;
const INTERPRETER = /^(?:\/[A-Za-z0-9_+.-]{1,255}){1,16}$/;
/** Milliseconds. */
const LONGEST_READING = 10_000;

/**
 * Has ELF files parsed by a sandboxee, which is started with the first of them. The worst that a file can do is to choose
 * the answer, and that is held against the rules here.
 */
export class ElfReader implements AsyncDisposable {
  readonly #launch: Launch;
  readonly #signal: AbortSignal | undefined;
  #sandboxee: Promise<Sandboxee> | undefined;

  constructor(launch: Launch, signal: AbortSignal | undefined) {
    this.#launch = launch;
    this.#signal = signal;
  }

  /**
   * @param fd moved
   * @throws PlanError where it is no ELF file, or asks for what no library can be
   */
  async read(fd: Fd, path: string): Promise<Needs> {
    using owned = fd;
    const sandboxee = await this.#start(path);
    let answer: unknown;
    try {
      await sandboxee.comms.sendFd(owned);
      answer = await sandboxee.comms.recvValue();
    } catch (error) {
      const result = describeResult(await sandboxee.close());
      throw new PlanError(`${path} cannot be parsed: the sandboxee that does it ended: ${result}`, { cause: error });
    }
    return checkedAnswer(answer, path);
  }

  async #start(path: string): Promise<Sandboxee> {
    this.#sandboxee ??= this.#launch(node(join(packageRoot(), 'dist/sandboxee-sdk/elf-reader/main.js')), {
      policy: policies.node().named('elf-reader').build(),
      limits: { memory: 256 * MiB, wallTime: LONGEST_READING },
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
    try {
      return await this.#sandboxee;
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      throw new PlanError(`${path} cannot be parsed: ${error.message}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sandboxee = await this.#sandboxee?.catch(() => undefined);
    await sandboxee?.close();
  }
}

/** @internal The answer is whatever the peer says. */
export function checkedAnswer(answer: unknown, path: string): Needs {
  const refuse = (what: string): never => {
    throw new PlanError(`${path} cannot be used: ${what}`);
  };
  if (typeof answer !== 'object' || answer === null) return refuse('its parser answered with nothing');
  if ('problem' in answer) return refuse(textOf(answer.problem));
  const { interpreter, needed }: { interpreter?: unknown; needed?: unknown } = answer;
  if (!Array.isArray(needed) || needed.length > MOST_NEEDED) return refuse('it links no list of libraries');
  const names = needed.map((name: unknown): string => {
    if (typeof name === 'string' && LIBRARY_NAME.test(name) && name !== '.' && name !== '..') return name;
    return refuse(`it links ${shown(name)}, which is no name of a library`);
  });
  if (interpreter === null || interpreter === undefined) return { interpreter: undefined, needed: names };
  const isPath = typeof interpreter === 'string' && INTERPRETER.test(interpreter) && !/\/\.\.?(\/|$)/.test(interpreter);
  if (!isPath) return refuse(`it asks for the loader ${shown(interpreter)}, which is no plain path`);
  return { interpreter, needed: names };
}

function shown(text: unknown): string {
  return `"${textOf(text)}"`;
}

/** An object could answer what it likes where it is asked for its text. */
function textOf(said: unknown): string {
  return typeof said === 'string' ? escapeText(said, { max: 200 }) : `a ${typeof said}`;
}
