import { expect } from 'chai';
import { describeResult, policies, type Violation } from '../../broker/index.js';
import { allow } from '../../broker/policy/bpf/dsl.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet } from '../support/puppet.js';
import {
  framesOf,
  launchWithStacks,
  namesOf,
  readTablesFirst,
  type StackKit,
  strict,
  violationBy,
  violationOf,
} from './support.js';

const x64 = process.arch === 'x64';

describe('the stack of a violation', () => {
  leakGate();
  readTablesFirst();

  it('names the frames of the program, from the syscall to main, and the JavaScript that led there', async () => {
    const { stack, syscall } = await violationBy(({ modules: { fs } }) => {
      function readSecret(): unknown {
        return fs.readFileSync('/etc/passwd');
      }
      return readSecret();
    });
    expect(stack.thread).to.equal(syscall.thread);
    const names = namesOf(stack);
    expect(names).to.include.members(['uv_fs_open', 'node::fs::Open', 'node::SpinEventLoopInternal', 'node::Start']);
    expect(names).to.include.members(['js:openSync', 'js:readFileSync', 'js:readSecret', 'js:obey']);
    const wanted = ['uv_fs_open', 'node::fs::Open', 'js:openSync', 'js:readFileSync', 'js:readSecret', 'js:obey'];
    expect(names.filter((name) => wanted.includes(name))).to.deep.equal(wanted);
  });

  it('says which script a JavaScript function claims to be of', async () => {
    const { stack } = await violationBy(({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
    const scripts = framesOf(stack).flatMap((frame) =>
      frame.kind === 'javascript' && frame.claimed ? [`${frame.claimed.function} ${frame.claimed.script}`] : [],
    );
    expect(scripts).to.include('readFileSync node:fs');
    expect(scripts.find((line) => line.startsWith('obey '))).to.match(/test\/fixtures\/puppet\.js$/);
  });

  it('begins in the library that made the syscall', async () => {
    const { stack, syscall } = await violationBy(({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
    const [first] = framesOf(stack);
    expect(first).to.include({ kind: 'native' });
    if (first?.kind !== 'native') throw new Error('not native');
    expect(first.module).to.match(/\/libc\.so\.6$|\/ld-musl/);
    expect(Number(syscall.instructionPointer) % 4096).to.equal(first.offset % 4096);
  });

  it('shows each call of a recursion', async () => {
    const { stack } = await violationBy(({ attack }) => {
      function recurse(depth: number): number {
        return depth === 0 ? attack.syscall(process.arch === 'x64' ? 41 : 198, 2, 1, 0) : recurse(depth - 1) + 1;
      }
      return recurse(30);
    });
    expect(namesOf(stack).filter((name) => name === 'js:recurse')).to.have.length(31);
  });

  it('has 200 frames at most', async () => {
    const { stack } = await violationBy(({ modules: { fs } }) => {
      function recurse(depth: number): number {
        return depth === 0 ? fs.readFileSync('/etc/passwd').length : recurse(depth - 1) + 1;
      }
      return recurse(1000);
    });
    expect(framesOf(stack)).to.have.length(200);
  });

  it('gives files of the sandboxee by place alone, and goes on behind them', async () => {
    const { stack } = await violationBy(({ attack }) => attack.syscall(process.arch === 'x64' ? 41 : 198, 2, 1, 0));
    const addon = framesOf(stack).find((frame) => frame.kind === 'native' && frame.module.endsWith('attack.node'));
    expect(addon).to.have.keys(['kind', 'module', 'offset']);
    expect(namesOf(stack)).to.include.members(['js:obey', 'node::Start']);
  });

  it('is that of the thread that made the call', async () => {
    const { stack, syscall } = await violationBy(({ modules: { fs } }) => fs.promises.readFile('/etc/passwd'));
    expect(stack.thread).to.equal(syscall.thread);
    expect(namesOf(stack)).to.include('uv__fs_work').and.not.include('node::Start');
  });

  it('is that of a worker, with its JavaScript', async () => {
    const { stack } = await violationBy(({ modules: { worker_threads } }) => {
      const source = 'function inWorker() { require("node:fs").readFileSync("/etc/passwd") } inWorker()';
      new worker_threads.Worker(source, { eval: true });
    });
    expect(namesOf(stack)).to.include.members(['js:inWorker', 'js:readFileSync']);
  });

  it('is that of optimised code too', async () => {
    const { stack } = await violationBy(({ attack }) => {
      function hot(turn: number): number {
        return turn === 400_000 ? attack.syscall(process.arch === 'x64' ? 41 : 198, 2, 1, 0) : turn;
      }
      let sum = 0;
      for (let turn = 0; turn <= 400_000; turn += 1) sum += hot(turn);
      return sum;
    });
    const javascript = framesOf(stack).filter(({ kind }) => kind === 'javascript');
    expect(javascript.length, JSON.stringify(namesOf(stack))).to.be.greaterThan(1);
    expect(namesOf(stack)).to.include('js:obey');
  });

  if (x64) {
    it('through the door of another architecture is taken as well', async () => {
      const { kind, stack } = await violationBy(({ attack }) => attack.int80(20));
      expect(kind).to.equal('architecture');
      const [first] = framesOf(stack);
      expect(first?.kind === 'native' && first.module).to.match(/attack\.node$/);
      expect(namesOf(stack)).to.include('js:obey');
    });
  }

  it('in a child that the sandboxee forked is that of the child', async () => {
    const policy = policies.node().addPolicyOnSyscall('clone', allow()).build();
    await using sandboxee = await launchWithStacks({ policy });
    await begin(sandboxee, ({ state }) => (state.stacks as StackKit).inChild(process.arch === 'x64' ? 41n : 198n));
    const { stack, syscall } = await violationOf(sandboxee);
    expect(syscall.thread).to.not.equal(sandboxee.pid);
    expect(framesOf(stack)[1]).to.include({ kind: 'native' });
    expect(namesOf(stack)).to.include('node::Start');
  });

  it('is in the event, in the result, and in the words for it', async () => {
    await using sandboxee = await launchPuppet({ policy: strict });
    const told: Violation[] = [];
    sandboxee.events.on('violation', (violation) => told.push(violation));
    await begin(sandboxee, ({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
    const result = await violationOf(sandboxee);
    expect(told).to.have.length(1);
    expect(told[0]).to.deep.equal({ kind: result.kind, syscall: result.syscall, stack: result.stack });
    expect(result.stacks).to.deep.equal([result.stack]);
    const [first, reason, thread, ...frames] = describeResult(result).split('\n');
    expect(first).to.match(/^violation: openat\(/);
    expect(reason).to.match(/^ {2}by /);
    expect(thread).to.match(/^ {2}thread \d+ ".+":$/);
    expect(frames).to.have.length(framesOf(result.stack).length);
    for (const frame of frames) expect(frame).to.match(/^ {4}at \S/);
    expect(frames.join('\n'))
      .to.contain('at node::fs::Open (')
      .and.contain('at JavaScript, claimed: readFileSync (node:fs)');
  });

  it('is not taken where it is not wanted', async () => {
    const { stack, stacks } = await violationBy(({ modules: { fs } }) => fs.readFileSync('/etc/passwd'), {
      stacks: { violation: false },
    });
    expect(stack).to.include({ missing: 'stacks.violation is false' });
    expect(stacks).to.deep.equal([]);
  });

  it('comes with those of all threads where they are wanted, its own first', async () => {
    const { stack, stacks } = await violationBy(({ modules: { fs } }) => fs.promises.readFile('/etc/passwd'), {
      stacks: { allThreads: true },
    });
    expect(stacks[0]).to.equal(stack);
    expect(stacks.length).to.be.greaterThan(4);
    expect(stacks.flatMap(namesOf)).to.include.members(['uv__fs_work', 'node::Start']);
    expect(new Set(stacks.map(({ thread }) => thread)).size).to.equal(stacks.length);
  });

  it('leaves the violation as it is when the app ends the sandboxee meanwhile', async () => {
    for (let turns = 0; turns < 8; turns += 1) {
      const sandboxee = await launchPuppet({ policy: strict });
      sandboxee.events.on('denial', () => {});
      await begin(sandboxee, ({ modules: { fs } }) => fs.readFileSync('/etc/passwd'));
      await new Promise((resolve) => setTimeout(resolve, turns * 2));
      const { status } = await sandboxee.close();
      expect(status).to.be.oneOf(['violation', 'killed']);
    }
  });
});
