import { expect } from 'chai';
import { describeStack, type StackFrame } from '../../broker/index.js';
import { ElfFile } from '../../broker/stacks/elf-file.js';
import { type V8Layout, v8Layout } from '../../broker/stacks/v8-layout.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, type Kit, perform } from '../support/puppet.js';
import { framesOf, launchWithStacks, type StackKit, strict, violationBy, violationOf } from './support.js';

const MEMORY = 1 << 20;
const SOCKET = 41n;
/** Where in the memory the stack is. */
const STACK = 32 * 1024;

interface Forged {
  readonly bytes: Buffer;
  readonly at: number;
  readonly stack: bigint;
  readonly frame: bigint;
}

/** Memory that counts as code, before the gate: after it, none can be had. */
function mapCode({ require, state }: Kit): void {
  const stacks = require(process.env.STACKS ?? '');
  state.stacks = stacks;
  state.memory = stacks.map(1n << 20n, true);
}

/** The stack of a violation by a thread whose stack is what `forge` makes; `base` is where the memory is. */
async function forgedStack(forge: (base: bigint) => Forged): Promise<readonly StackFrame[]> {
  await using sandboxee = await launchWithStacks({
    policy: strict,
    before: mapCode,
  });
  const base = BigInt(await perform(sandboxee, ({ state }) => String(state.memory)));
  const { bytes, at, stack, frame } = forge(base);
  await begin(
    sandboxee,
    ({ state }, content: Uint8Array, where: string, ...registers: string[]) => {
      const stacks = state.stacks as StackKit;
      stacks.write(BigInt(where), Buffer.from(content));
      stacks.call(41n, BigInt(registers[0] ?? 0), BigInt(registers[1] ?? 0));
    },
    bytes,
    String(base + BigInt(at)),
    String(stack),
    String(frame),
  );
  const { stack: told, syscall } = await violationOf(sandboxee);
  expect(BigInt(syscall.number)).to.equal(SOCKET);
  expect(describeStack(told)).to.match(/^[\x20-\x7e\n…]*$/);
  return framesOf(told);
}

/** Pairs of words, from the bottom of the stack: the saved frame pointer, and the return address. */
function words(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, value), index * 8);
  return bytes;
}

describe('a hostile stack', () => {
  if (process.arch !== 'x64') return;
  leakGate();

  const forgeries: Record<string, (base: bigint) => Forged> = {
    'whose frame is its own caller': (base) => {
      const stack = base + BigInt(STACK);
      return { bytes: words(stack, base + 8n), at: STACK, stack, frame: stack };
    },
    'of two frames that call each other': (base) => {
      const stack = base + BigInt(STACK);
      return { bytes: words(stack + 16n, base + 8n, stack, base + 8n), at: STACK, stack, frame: stack };
    },
    'that goes down': (base) => {
      const stack = base + BigInt(STACK);
      return { bytes: words(stack - 32n, base + 8n), at: STACK, stack, frame: stack };
    },
    'whose frame is not aligned': (base) => {
      const stack = base + BigInt(STACK);
      return { bytes: words(stack + 3n, base + 8n, 0n, 0n), at: STACK, stack, frame: stack + 1n };
    },
    'in memory that is not there': () => ({ bytes: words(0n), at: 0, stack: 0xdead000n, frame: 0xdead0f0n }),
    'at the top of all addresses': () => ({
      bytes: words(0n),
      at: 0,
      stack: 0xffff_ffff_ffff_fff0n,
      frame: 0xffff_ffff_ffff_fff8n,
    }),
    'at 0': () => ({ bytes: words(0n), at: 0, stack: 0n, frame: 0n }),
    'at the very end of its memory': (base) => {
      const stack = base + BigInt(MEMORY - 16);
      return { bytes: words(stack + 16n, base + 8n), at: MEMORY - 16, stack, frame: stack };
    },
  };
  for (const [name, forge] of Object.entries(forgeries)) {
    it(`${name} ends`, async () => {
      const frames = await forgedStack(forge);
      expect(frames.length).to.be.within(1, 3);
    });
  }

  it('of 256 MiB of frames ends after 200', async () => {
    await using sandboxee = await launchWithStacks({ policy: strict, limits: { memory: 2 ** 30 }, before: mapCode });
    await begin(sandboxee, ({ state }) => {
      const stacks = state.stacks as StackKit;
      const size = 256n << 20n;
      const base = stacks.map(size, false);
      stacks.chain(base, size, (state.memory as bigint) + 8n);
      stacks.call(41n, base, base);
    });
    expect(framesOf((await violationOf(sandboxee)).stack)).to.have.length(200);
  });

  it('of endless frames in code that is there ends after 200', async () => {
    const frames = await forgedStack((base) => {
      const stack = base + BigInt(STACK);
      const pairs = Array.from({ length: 1000 }, (_, index) => [stack + BigInt((index + 1) * 16), base + 8n]).flat();
      return { bytes: words(...pairs), at: STACK, stack, frame: stack };
    });
    expect(frames).to.have.length(200);
  });
});

describe('hostile names', () => {
  leakGate();

  it('of functions and scripts are escaped and cut off', async () => {
    const { stack } = await violationBy(({ attack, require }) => {
      const vm = require('node:vm');
      const source = (name: string): string => `({ ${JSON.stringify(name)}: function (next) { return next() + 1 } })`;
      const call = (name: string, filename: string, next: () => number): number => {
        const [make] = Object.values(vm.runInThisContext(source(name), { filename })) as ((
          n: () => number,
        ) => number)[];
        return make?.(next) ?? 0;
      };
      return call('\u001b[2J\nfunction at root', '\u001b]0;owned\u0007\r\n.js', () =>
        call(Buffer.alloc(300_000, 'x').toString(), Buffer.alloc(300_000, 'y').toString(), () =>
          attack.syscall(process.arch === 'x64' ? 41 : 198, 2, 1, 0),
        ),
      );
    });
    const claims = framesOf(stack).flatMap((frame) =>
      frame.kind === 'javascript' && frame.claimed ? [frame.claimed] : [],
    );
    const escaped = claims.find((claim) => claim.function.includes('[2J'));
    expect(escaped).to.deep.equal({
      function: '\\u{1b}[2J\\nfunction at root',
      script: '\\u{1b}]0;owned\\u{7}\\r\\n.js',
    });
    const long = claims.find((claim) => claim.function.startsWith('xxx'));
    expect(long?.function).to.match(/^x{256}… \(\d+ more\)$/);
    expect(long?.script).to.match(/^y{256}… \(\d+ more\)$/);
    expect(describeStack(stack)).to.match(/^[\x20-\x7e\n…]*$/);
  });
});

describe('a hostile heap', () => {
  if (process.arch !== 'x64') return;
  leakGate();

  let layout: V8Layout;

  before(async () => {
    await using elf = await ElfFile.open(process.execPath);
    if (elf === undefined) throw new Error('Node is no ELF file');
    const found = await v8Layout({
      path: process.execPath,
      elf,
      tables: undefined,
      fingerprint: 'a test',
      isProgram: true,
    });
    if (found === undefined) throw new Error('Node has no constants for debuggers');
    layout = found;
  });

  /** Objects in memory that starts at `base`, and one frame whose function is the first. */
  class Heap {
    readonly bytes = Buffer.alloc(STACK + 4096);
    #next = 4096;

    constructor(readonly base: bigint) {}

    allocate(): number {
      this.#next += 256;
      return this.#next - 256;
    }

    tagged(at: number): bigint {
      return this.base + BigInt(at) + 1n;
    }

    put(at: number, value: bigint): void {
      this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), at);
    }

    object(type: number, at = this.allocate()): number {
      const map = this.allocate();
      this.bytes.writeUInt16LE(type, map + layout.instanceType);
      this.put(at, this.tagged(map));
      return at;
    }

    text(length: number, content: string): number {
      const at = this.object(layout.representation.sequential | layout.representation.oneByte);
      this.bytes.writeUInt32LE(length >>> 0, at + layout.string.length);
      this.bytes.write(content, at + layout.string.chars, 'latin1');
      return at;
    }

    forged(nameOrScopeInfo: bigint, script: bigint): Forged {
      const func = this.allocate();
      const info = this.object(layout.types.sharedFunctionInfo);
      this.put(func + layout.shared, this.tagged(info));
      this.put(info + layout.nameOrScopeInfo, nameOrScopeInfo);
      this.put(info + layout.script, script);
      // Two frames: the code of the first is where it was called from, that of the second is in this memory.
      const stack = STACK;
      const frame = stack + 64;
      this.put(stack, this.base + BigInt(frame));
      this.put(stack + 8, this.base + 8n);
      this.put(frame + layout.frame.context, this.tagged(func));
      this.put(frame + layout.frame.function, this.tagged(func));
      const place = this.base + BigInt(stack);
      return { bytes: this.bytes, at: 0, stack: place, frame: place };
    }
  }

  async function claimOf(fill: (heap: Heap) => { name: bigint; script: bigint }): Promise<StackFrame> {
    const frames = await forgedStack((base) => {
      const heap = new Heap(base);
      const { name, script } = fill(heap);
      return heap.forged(name, script);
    });
    const [, second] = frames;
    if (second === undefined) throw new Error('one frame only');
    return second;
  }

  it('is believed no more than that it says so', async () => {
    const frame = await claimOf((heap) => ({ name: heap.tagged(heap.text(6, 'forged')), script: 0n }));
    expect(frame).to.deep.equal({ kind: 'javascript', claimed: { function: 'forged', script: '' } });
  });

  it('with a string that claims 4 GiB gives what little is shown', async () => {
    const frame = await claimOf((heap) => ({ name: heap.tagged(heap.text(0xffff_ffff, 'long')), script: 0n }));
    if (frame.kind !== 'javascript' || frame.claimed === null) throw new Error('no claim');
    expect(frame.claimed.function).to.match(/^long\\u\{0\}/);
    expect(frame.claimed.function.length).to.be.lessThan(3000);
  });

  it('with strings made of themselves ends', async () => {
    for (const kind of ['cons', 'thin'] as const) {
      const frame = await claimOf((heap) => {
        const text = heap.object(layout.representation[kind]);
        for (const part of [layout.string.first, layout.string.second, layout.string.actual]) {
          heap.put(text + part, heap.tagged(text));
        }
        const script = heap.object(layout.types.script);
        heap.put(script + layout.scriptName, heap.tagged(text));
        return { name: heap.tagged(text), script: heap.tagged(script) };
      });
      expect(frame).to.deep.equal({ kind: 'javascript', claimed: { function: '', script: '' } });
    }
  });

  it('with a scope of countless locals ends', async () => {
    const frame = await claimOf((heap) => {
      const scope = heap.object(layout.types.scopeInfo);
      heap.put(scope + 8 * (1 + layout.scopeInfo.localCount), 0x7fff_ffffn << 32n);
      return { name: heap.tagged(scope), script: 1n };
    });
    expect(frame).to.deep.equal({ kind: 'javascript', claimed: { function: '', script: '' } });
  });

  it('with pointers into nothing gives no names', async () => {
    for (const pointer of [1n, 0xdead_0001n, 0xffff_ffff_ffff_fffdn, 0x7fff_ffff_fff1n]) {
      const frame = await claimOf(() => ({ name: pointer, script: pointer }));
      expect(frame).to.deep.equal({ kind: 'javascript', claimed: { function: '', script: '' } });
    }
  });
});
