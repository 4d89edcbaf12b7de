import { type Fd, launch, MiB, node, policies, type Result, type Sandboxee } from 'sallyport';
import { type Job, type Pixels, receiveAnswer, sendPicture } from './protocol.js';

const worker = node(new URL('./thumbnails.worker.js', import.meta.url));

export interface ThumbnailerOptions {
  /** Of the whole sandboxee. Bytes. */
  readonly memory?: number;
  /** For one picture. Milliseconds. */
  readonly patience?: number;
  /** sharp's own limit of 268 megapixels; without it only the memory limit stands between an image bomb and the machine. */
  readonly pixelLimit?: boolean;
}

export type Outcome =
  | { readonly kind: 'made'; readonly pixels: Pixels }
  /** The decoder says no: the file is broken, or no picture. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The sandboxee ended with this picture in its hands. */
  | { readonly kind: 'lost'; readonly result: Result };

/**
 * Decodes pictures in one sandboxee, one after the other. A sandboxee that dies is replaced for the next picture, and only
 * the picture that it held is lost.
 */
export class Thumbnailer implements AsyncDisposable {
  #sandboxee: Promise<Sandboxee> | undefined;
  readonly #options: Required<ThumbnailerOptions>;

  constructor(options: ThumbnailerOptions = {}) {
    this.#options = { memory: 512 * MiB, patience: 60_000, pixelLimit: true, ...options };
  }

  /** The sandboxee that the next picture goes to. */
  sandboxee(): Promise<Sandboxee> {
    this.#sandboxee ??= this.#launch();
    return this.#sandboxee;
  }

  #launch(): Promise<Sandboxee> {
    const launched = launch(worker, {
      policy: policies.node({ onDenied: 'kill' }).build(),
      limits: { memory: this.#options.memory, sharedMemory: 256 * MiB },
    });
    const forget = (): void => {
      if (this.#sandboxee === launched) this.#sandboxee = undefined;
    };
    launched.then(({ result }) => result.then(forget), forget);
    return launched;
  }

  /**
   * @param file owned, also when this throws
   * @throws LaunchError where no sandboxee could be had
   */
  async make(file: Fd, width: number): Promise<Outcome> {
    using held = file;
    const sandboxee = await this.sandboxee();
    const job: Extract<Job, { kind: 'picture' }> = { kind: 'picture', width, pixelLimit: this.#options.pixelLimit };
    const overdue = setTimeout(() => sandboxee.kill('it took too long over one picture'), this.#options.patience);
    try {
      await sendPicture(sandboxee.comms, job, held);
      const answer = await receiveAnswer(sandboxee.comms, job);
      return typeof answer === 'string' ? { kind: 'refused', reason: answer } : { kind: 'made', pixels: answer };
    } catch (error) {
      sandboxee.kill(error instanceof Error ? error.message : 'its answer makes no sense');
      return { kind: 'lost', result: await sandboxee.result };
    } finally {
      clearTimeout(overdue);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sandboxee = await this.#sandboxee;
    await sandboxee?.[Symbol.asyncDispose]();
  }
}
