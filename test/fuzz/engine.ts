import { Dice } from '../proof/dice.js';
import { Coverage } from './coverage.js';
import { mutate, reduced } from './mutate.js';
import type { FuzzTarget } from './target.js';

/** Something did not hold for `input`, the shortest that was found. */
export interface Find {
  readonly input: Buffer;
  readonly error: unknown;
}

export interface Campaign {
  readonly executions: number;
  readonly blocks: number;
  /** Inputs that between them reach every block that was reached, short ones first. */
  readonly corpus: readonly Buffer[];
  readonly find: Find | undefined;
}

export interface CampaignOptions {
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
  readonly corpus: readonly Uint8Array[];
  /** What addresses of the modules that are measured begin with. */
  readonly root: string;
  /** Before each input: whoever watches can say which one hangs. */
  readonly onInput?: (input: Buffer) => void;
}

const BATCH_MS = 60;
const MOST_REDUCTIONS = 3000;

/** Runs inputs, and inputs made of those that reached something new, until the time is over or one fails. */
export async function campaign(target: FuzzTarget, options: CampaignOptions): Promise<Campaign> {
  const { seed, time, corpus: given, root, onInput = () => {} } = options;
  const dice = new Dice(seed);
  const coverage = new Coverage(root);
  const kept: Buffer[] = [];
  let executions = 0;

  const failure = async (input: Buffer): Promise<Find | undefined> => {
    executions += 1;
    onInput(input);
    try {
      await target.run(Buffer.from(input));
      return undefined;
    } catch (error) {
      return { input, error };
    }
  };
  const shortest = async ({ input, error }: Find): Promise<Find> => {
    let tries = 0;
    const smaller = await reduced(input, async (each) => {
      const again = tries++ < MOST_REDUCTIONS ? await failure(each) : undefined;
      return again !== undefined && kindOf(again.error) === kindOf(error);
    });
    return (await failure(smaller)) ?? { input, error };
  };
  /** Runs all of them, and keeps those that reach something new. */
  const batch = async (next: () => Buffer | undefined, until: number): Promise<Find | undefined> => {
    const tried: Buffer[] = [];
    for (let input = next(); input !== undefined; input = next()) {
      const found = await failure(input);
      if (found !== undefined) return shortest(found);
      tried.push(input);
      if (performance.now() > until) break;
    }
    return coverage.fresh(false) === 0 ? undefined : locate(tried);
  };
  /** Which of these are those that reach something new: by halves, since a reading costs more than an input. */
  const locate = async (tried: readonly Buffer[]): Promise<Find | undefined> => {
    for (const input of tried) {
      const found = await failure(input);
      if (found !== undefined) return shortest(found);
    }
    const [only] = tried;
    const isOne = tried.length === 1;
    if (coverage.fresh(isOne) === 0 || only === undefined) return undefined;
    if (isOne) {
      kept.push(only);
      return undefined;
    }
    const middle = tried.length >> 1;
    return (await locate(tried.slice(0, middle))) ?? locate(tried.slice(middle));
  };

  try {
    const first = [Buffer.alloc(0), ...[...given, ...target.seeds()].map((bytes) => Buffer.from(bytes))];
    coverage.reset();
    const queue = [...first];
    let find = await batch(() => queue.shift(), Infinity);
    const end = performance.now() + time;
    while (find === undefined && performance.now() < end) {
      const next = (): Buffer => {
        const pick = (): Buffer => kept[dice.below(kept.length)] ?? Buffer.alloc(0);
        return mutate(dice, pick(), pick(), target.words, target.most);
      };
      find = await batch(next, performance.now() + BATCH_MS);
    }
    const [done, blocks] = [executions, coverage.blocks];
    const corpus = find === undefined ? await distilled(kept, failure, coverage) : kept;
    return { executions: done, blocks, corpus, find };
  } finally {
    coverage.stop();
  }
}

/** Fewer and shorter inputs that reach the same. */
async function distilled(
  inputs: readonly Buffer[],
  run: (input: Buffer) => Promise<unknown>,
  coverage: Coverage,
): Promise<Buffer[]> {
  const few: Buffer[] = [];
  coverage.forget();
  for (const input of inputs.toSorted((one, other) => one.length - other.length)) {
    await run(input);
    if (coverage.fresh(true) > 0) few.push(input);
  }
  return few;
}

/** Two errors are of one kind where they come from one place. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at ')) ?? [];
  return `${error.name} ${places.find((place) => !place.includes('mustHold')) ?? ''}`;
}
