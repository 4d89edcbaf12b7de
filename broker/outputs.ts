import { OutputReader } from './output.js';

/** What is read of a sandboxee's stdout and stderr; of what the executor put there instead, nothing. */
export class Outputs {
  readonly #stdout: OutputReader | undefined;
  readonly #stderr: OutputReader | undefined;

  /** @param fds the read ends; owned */
  constructor(
    fds: { readonly stdout: number | undefined; readonly stderr: number | undefined },
    onText: (stream: 'stdout' | 'stderr', text: string) => void,
  ) {
    const read = (stream: 'stdout' | 'stderr'): OutputReader | undefined => {
      const fd = fds[stream];
      return fd === undefined ? undefined : new OutputReader(fd, (text) => onText(stream, text));
    };
    this.#stdout = read('stdout');
    this.#stderr = read('stderr');
  }

  /** The end of its stderr, escaped. */
  get tail(): string {
    return this.#stderr?.tail ?? '';
  }

  /** Once it is gone: takes in what is left. */
  async finish(): Promise<void> {
    await Promise.all([this.#stdout?.finish(), this.#stderr?.finish()]);
  }
}
