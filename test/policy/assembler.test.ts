import { expect } from 'chai';
import { assemble, encode, OPCODE, ProgramTooLong } from '../../broker/policy/bpf/assembler.js';
import { compile } from '../../broker/policy/bpf/compiler.js';
import { disassemble } from '../../broker/policy/bpf/disassembler.js';
import { allow, arg, errno, violation, when } from '../../broker/policy/bpf/dsl.js';
import { type Block, Graph } from '../../broker/policy/bpf/graph.js';
import { BadProgram, simulate, verdict } from '../../broker/policy/bpf/simulator.js';
import { filterOf, X64 } from './filters.js';

/** A chain of `length` comparisons of the architecture, each with its own errno. */
function chain(graph: Graph, length: number, last: Block): Block {
  let block = last;
  for (let value = length; value >= 1; value--) {
    block = graph.branch('equal', value, graph.return(0x50000 | value), block);
  }
  return graph.load(4, block);
}

describe('assembler', () => {
  it('writes struct sock_filter in little-endian order', () => {
    const graph = new Graph();
    const bytes = encode(assemble(graph.load(4, graph.branch('equal', 0xc000003e, graph.return(1), graph.return(2)))));
    expect(Buffer.from(bytes).toString('hex')).to.equal(
      '2000000004000000' + '150000013e0000c0' + '0600000001000000' + '0600000002000000',
    );
  });

  it('reaches targets beyond 255 instructions, from both sides of a branch', () => {
    for (const length of [100, 125, 126, 127, 128, 129, 130, 254, 255, 256, 257, 600]) {
      const graph = new Graph();
      const far = graph.return(0x7fff0000);
      const near = chain(graph, length, graph.return(0x50fff));
      const entry = graph.load(
        0,
        graph.branch('equal', 1, near, graph.branch('equal', 2, far, graph.branch('bits', 4, far, near))),
      );
      const program = encode(assemble(entry));
      const run = (number: number, architecture: number) => verdict(program, { number, architecture });
      expect(run(2, 0), `${length}`).to.deep.equal({ kind: 'allow' });
      expect(run(4, 0), `${length}`).to.deep.equal({ kind: 'allow' });
      expect(run(1, length), `${length}`).to.deep.equal({ kind: 'errno', errno: length });
      expect(run(3, 0), `${length}`).to.deep.equal({ kind: 'errno', errno: 0xfff });
    }
  });

  it('brings a far target near once, for all branches that are close enough to that jump', () => {
    const graph = new Graph();
    const program = assemble(chain(graph, 600, graph.return(0)));
    const jumps = program.filter(({ code }) => code === OPCODE.jump);
    expect(program).to.have.lengthOf(1 + 600 * 2 + 1 + jumps.length);
  });

  it('handles rules that lie more than 255 instructions from the shared actions', () => {
    const values = Array.from({ length: 300 }, (_, index) => index * 2);
    const program = compile(filterOf({ 1: when(arg(0).in(...values), allow()).otherwise(errno(13)), 99: allow() }));
    for (let value = -1; value <= 601; value++) {
      const expected = value >= 0 && value < 600 && value % 2 === 0 ? { kind: 'allow' } : { kind: 'errno', errno: 13 };
      expect(verdict(program, { number: 1, architecture: X64, args: [BigInt(value)] }), `${value}`).to.deep.equal(
        expected,
      );
    }
    expect(disassemble(program)).to.include('goto');
  });

  it('takes 4096 instructions and not one more', () => {
    const exactly = (length: number): number => assemble(flat(length)).length;
    expect(exactly(4096)).to.equal(4096);
    expect(() => exactly(4097)).to.throw(ProgramTooLong, '4097 instructions');
    const values = Array.from({ length: 5000 }, (_, index) => index);
    expect(() => compile(filterOf({ 1: when(arg(0).in(...values), allow()).otherwise(violation()) }))).to.throw(
      ProgramTooLong,
    );
  });
});

/** Loads of alternating words, each followed by a mask: no jumps, and nothing to leave out. */
function flat(length: number): Block {
  const graph = new Graph();
  let block: Block = graph.branch('equal', 1, graph.return(1), graph.return(2));
  for (let count = 3; count < length; count++) block = graph.and(0xffff - count, block);
  return block;
}

describe('simulator', () => {
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const run = (hex: string) => simulate(bytes(hex), { number: 7, architecture: X64, args: [0x1_2345_6789n] });

  it('refuses programs that the kernel would refuse', () => {
    expect(() => run('')).to.throw(BadProgram);
    expect(() => run('06000000 0000ff7f 00')).to.throw(BadProgram);
    expect(() => run('20000000 02000000 06000000 0000ff7f'), 'unaligned load').to.throw(BadProgram, 'offset 2');
    expect(() => run('20000000 40000000 06000000 0000ff7f'), 'load behind the data').to.throw(BadProgram, 'offset 64');
    expect(() => run('05000000 05000000 06000000 0000ff7f'), 'jump past the end').to.throw(BadProgram, 'past its end');
    expect(() => run('07000000 00000000 06000000 0000ff7f'), 'an operation of another filter').to.throw(
      BadProgram,
      'operation 0x7',
    );
  });

  it('reads the low word of an argument first, and tells that an argument was read', () => {
    // ld [16]; jeq 0x23456789, 0, 1; allow; errno 1
    const { verdict: seen, readArguments } = run(
      '20000000 10000000 15000001 89674523 06000000 0000ff7f 06000000 01000500',
    );
    expect(seen).to.deep.equal({ kind: 'allow' });
    expect(readArguments).to.equal(true);
  });
});
