import type * as native from '../../native/broker.js';
import { errnoName } from '../kernel-names.js';
import type { ProcessView } from '../process/process-view.js';
import type { ElfSymbol } from './elf-file.js';
import { isTagged, JavaScriptNames } from './javascript.js';
import { type Mapping, parseExecutable } from './mappings.js';
import { RemoteMemory } from './remote-memory.js';
import { boundedName, noStack, type StackFrame, type ThreadStack } from './stack.js';
import { readableSymbol } from './symbol-names.js';
import { type TrustedFile, TrustedFiles } from './trusted-files.js';
import { v8Layout } from './v8-layout.js';
import { type RawFrame, type Snapshot, walk, word } from './walk.js';

/** Of one thread's stack. */
const STACK_BYTES = 128 * 1024;
const MOST_THREADS = 64;
/** Of what names JavaScript functions, in all threads together. */
const HEAP_BUDGET = { bytes: 4 * 1024 * 1024, reads: 16_384 };
const MOST_NAMED = 100;

interface Walked {
  readonly thread: native.HeldThread;
  readonly snapshot: Snapshot;
  readonly frames: readonly RawFrame[];
}

/**
 * The stacks of threads that are held. Whatever the sandboxee does or has written, what is read and kept is bounded.
 *
 * @param program trusted by the host, as are the libraries that it links
 * @param release called as soon as nothing more is read from the sandboxee, also when this fails
 */
export async function collectStacks(
  view: ProcessView,
  program: string,
  held: readonly native.HeldThread[],
  release: () => void,
): Promise<ThreadStack[]> {
  const threads = held.slice(0, MOST_THREADS);
  const names = new Map(threads.map(({ tid }) => [tid, boundedName(view.threadName(tid))]));
  try {
    const mappings = parseExecutable(await view.maps());
    await using files = await TrustedFiles.of(program, new Set(mappings.map(({ identity }) => identity)));
    const walked = await walkThreads(view, threads, mappings, files);
    const claimed = await nameFunctions(view, walked, files);
    const alive = view.exists();
    release();
    const symbols = await nameSymbols(walked);
    const stacks = new Map(
      walked.map(({ thread, frames }) => [thread.tid, frames.map((frame) => describe(frame, claimed, symbols))]),
    );
    return held.map(({ tid, errno }) => {
      const frames = stacks.get(tid);
      const name = names.get(tid) ?? '';
      if (!alive) return noStack(tid, 'it was gone before its stack was read', name);
      if (frames !== undefined) return { thread: tid, name, frames };
      const why = errno === 0 ? `only ${MOST_THREADS} threads are looked at` : whyNotHeld(errno);
      return noStack(tid, why, name);
    });
  } finally {
    release();
  }
}

export function whyNotHeld(errno: number): string {
  switch (errnoName(errno)) {
    case 'EPERM':
      return 'the kernel does not let the broker stop the thread (EPERM: ptrace is not permitted here, or somebody else traces it)';
    case 'ESRCH':
      return 'the thread had ended';
    case 'ETIMEDOUT':
      return 'the thread did not stop in time';
    default:
      return `the thread could not be stopped (${errnoName(errno)})`;
  }
}

async function walkThreads(
  view: ProcessView,
  threads: readonly native.HeldThread[],
  mappings: readonly Mapping[],
  files: TrustedFiles,
): Promise<Walked[]> {
  const memory = new RemoteMemory(view.pid, { bytes: STACK_BYTES * MOST_THREADS, reads: MOST_THREADS });
  const walks = threads.map(async (thread): Promise<Walked | undefined> => {
    const place = thread.errno === 0 ? thread : await view.blockedAt(thread.tid);
    if (place === undefined) return undefined;
    const stack = addressOf(place.stack);
    const snapshot: Snapshot = {
      instruction: addressOf(place.instruction),
      stack,
      frame: addressOf(thread.frame),
      bytes: await memory.read(stack, STACK_BYTES),
    };
    return { thread, snapshot, frames: await walk(snapshot, mappings, files) };
  });
  return (await Promise.all(walks)).filter((walked) => walked !== undefined);
}

/** Exact; 0 for what is no address of user space. */
function addressOf(value: bigint): number {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : 0;
}

/** By frame: what the memory says of its function, where it is JavaScript. */
async function nameFunctions(
  view: ProcessView,
  walked: readonly Walked[],
  files: TrustedFiles,
): Promise<Map<RawFrame, StackFrame>> {
  const program = files.program;
  const layout = program === undefined ? undefined : await v8Layout(program);
  if (layout === undefined) return new Map();
  const names = new JavaScriptNames(new RemoteMemory(view.pid, HEAP_BUDGET), layout);
  const candidates = walked.flatMap(({ snapshot, frames }) =>
    frames.filter(mayBeJavaScript).flatMap((frame) => {
      const context = word(snapshot, frame.frame + layout.frame.context) ?? 0;
      const pointer = word(snapshot, frame.frame + layout.frame.function) ?? 0;
      return isTagged(context) && isTagged(pointer) ? [{ frame, pointer }] : [];
    }),
  );
  const named = await Promise.all(
    candidates
      .slice(0, MOST_NAMED)
      .map(async ({ frame, pointer }) => [frame, await names.functionAt(pointer)] as const),
  );
  return new Map(
    named.flatMap(([frame, claimed]): [RawFrame, StackFrame][] =>
      claimed === null ? [] : [[frame, { kind: 'javascript', claimed }]],
    ),
  );
}

/** V8's own code in the program, which has no tables, and what V8 compiled, which is in no file. */
function mayBeJavaScript({ mapping, file, tabled }: RawFrame): boolean {
  return (file?.isProgram === true && !tabled) || mapping?.hasFile === false;
}

async function nameSymbols(walked: readonly Walked[]): Promise<Map<RawFrame, string>> {
  const byFile = new Map<TrustedFile, Map<RawFrame, number>>();
  for (const frame of walked.flatMap(({ frames }) => frames)) {
    const { file, mapping, instruction } = frame;
    if (file === undefined || mapping === undefined) continue;
    const address = file.elf.addressOf(instruction - mapping.start + mapping.offset);
    if (address === undefined) continue;
    const addresses = byFile.get(file) ?? new Map<RawFrame, number>();
    byFile.set(file, addresses.set(frame, address));
  }
  const named = new Map<RawFrame, string>();
  for (const [file, addresses] of byFile) {
    const symbols: Map<number, ElfSymbol> = await file.elf.functionsAt([...addresses.values()]);
    for (const [frame, address] of addresses) {
      const symbol = symbols.get(address);
      if (symbol !== undefined) named.set(frame, boundedName(readableSymbol(symbol.name)));
    }
  }
  return named;
}

function describe(
  frame: RawFrame,
  claimed: ReadonlyMap<RawFrame, StackFrame>,
  symbols: ReadonlyMap<RawFrame, string>,
): StackFrame {
  const named = claimed.get(frame);
  if (named !== undefined) return named;
  const { mapping, file, instruction } = frame;
  if (mapping === undefined) return { kind: 'native', module: '[not code]', offset: instruction };
  if (!mapping.hasFile && mapping.path === '') return { kind: 'javascript', claimed: null };
  const module = file?.path ?? boundedName(mapping.path);
  const offset = mapping.hasFile ? instruction - mapping.start + mapping.offset : instruction;
  const symbol = symbols.get(frame);
  return symbol === undefined ? { kind: 'native', module, offset } : { kind: 'native', module, offset, symbol };
}
