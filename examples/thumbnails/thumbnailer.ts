import { type Fd, launch, MiB, node, policies, type Result, type Sandboxee, TimeoutError } from 'sallyport';
import { isFailureOf, type Remote } from 'sallyport/protocols';
import { type Pixels, Thumbnails, takePixels } from './thumbnails.js';

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

export interface Helper {
  readonly sandboxee: Sandboxee;
  readonly thumbnails: Remote<typeof Thumbnails>;
}

/**
 * Decodes pictures in one sandboxee, one after the other. A sandboxee that dies is replaced for the next picture, and only
 * the picture that it held is lost.
 */
export class Thumbnailer implements AsyncDisposable {
  #helper: Promise<Helper> | undefined;
  readonly #options: Required<ThumbnailerOptions>;

  constructor(options: ThumbnailerOptions = {}) {
    this.#options = { memory: 512 * MiB, patience: 60_000, pixelLimit: true, ...options };
  }

  /** The sandboxee that the next picture goes to, and what can be asked of it. */
  helper(): Promise<Helper> {
    this.#helper ??= this.#launch();
    return this.#helper;
  }

  async sandboxee(): Promise<Sandboxee> {
    return (await this.helper()).sandboxee;
  }

  #launch(): Promise<Helper> {
    const launched = launch(worker, {
      policy: policies.node({ onDenied: 'kill' }).build(),
      limits: { memory: this.#options.memory, sharedMemory: 256 * MiB },
    }).then((sandboxee) => ({ sandboxee, thumbnails: sandboxee.connect(Thumbnails) }));
    const forget = (): void => {
      if (this.#helper === launched) this.#helper = undefined;
    };
    launched.then(({ sandboxee }) => sandboxee.result.then(forget), forget);
    return launched;
  }

  /**
   * @param file owned, also when this throws
   * @throws LaunchError where no sandboxee could be had
   */
  async make(file: Fd, width: number): Promise<Outcome> {
    using source = file;
    const { sandboxee, thumbnails } = await this.helper();
    const { patience, pixelLimit } = this.#options;
    try {
      const answer = await thumbnails.make({ source, width, pixelLimit }, { timeout: patience });
      return { kind: 'made', pixels: takePixels(answer, width) };
    } catch (error) {
      if (isFailureOf(error, Thumbnails.members.make)) return { kind: 'refused', reason: error.detail };
      sandboxee.kill(reasonToKill(error));
      return { kind: 'lost', result: await sandboxee.result };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const helper = await this.#helper;
    await helper?.sandboxee[Symbol.asyncDispose]();
  }
}

function reasonToKill(error: unknown): string {
  if (error instanceof TimeoutError) return 'it took too long over one picture';
  return error instanceof Error ? error.message : 'its answer makes no sense';
}
