import { expect } from 'chai';
import { describeStack } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { begin, launchPuppet, perform } from '../support/puppet.js';
import { framesOf, launchWithStacks, namesOf, type StackKit } from './support.js';

describe('dump()', () => {
  leakGate();

  it('tells the stack of every thread, the main one first', async () => {
    await using sandboxee = await launchPuppet();
    const stacks = await sandboxee.dump();
    expect(stacks[0]?.thread).to.equal(sandboxee.pid);
    expect(stacks.length).to.be.greaterThan(4);
    for (const stack of stacks) expect(framesOf(stack).length, describeStack(stack)).to.be.greaterThan(1);
    expect(namesOf(stacks[0])).to.include.members(['uv__io_poll', 'uv_run', 'node::Start']);
  });

  it('works while it is busy in JavaScript', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, async ({ gate }) => {
      await gate.comms.sendBool(true);
      function spinning(): never {
        for (;;);
      }
      spinning();
    });
    await sandboxee.comms.recvBool();
    while (!namesOf((await sandboxee.dump())[0]).includes('js:spinning'));
  });

  it('works while it waits in a syscall, which then goes on', async () => {
    await using sandboxee = await launchPuppet();
    await begin(sandboxee, async ({ gate }) => {
      function waiting(): string {
        return gate.comms.recvStringSync();
      }
      const text = waiting();
      await gate.comms.sendString(`${text} came`);
    });
    const seen = async (): Promise<boolean> => namesOf((await sandboxee.dump())[0]).includes('js:waiting');
    while (!(await seen()));
    await sandboxee.comms.sendString('word');
    expect(await sandboxee.comms.recvString()).to.equal('word came');
  });

  it('disturbs nothing, however often', async () => {
    await using sandboxee = await launchPuppet();
    const answer = perform(sandboxee, async ({ modules: { zlib } }) => {
      let bytes = 0;
      for (let turn = 0; turn < 60; turn += 1) {
        const packed = await new Promise<Buffer>((resolve, reject) =>
          zlib.gzip(Buffer.alloc(100_000, turn), (error, result) => (error ? reject(error) : resolve(result))),
        );
        bytes += zlib.gunzipSync(packed).length;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return bytes;
    });
    for (let turn = 0; turn < 10; turn += 1) await sandboxee.dump();
    expect(await answer).to.equal(6_000_000);
  });

  it('twice at once gives two answers', async () => {
    await using sandboxee = await launchPuppet();
    const [first, second] = await Promise.all([sandboxee.dump(), sandboxee.dump()]);
    expect(namesOf(first[0])).to.include('node::Start');
    expect(namesOf(second[0])).to.include('node::Start');
  });

  it('of one that has ended is empty, and of one that ends meanwhile does not fail', async () => {
    const sandboxee = await launchPuppet();
    const meanwhile = sandboxee.dump();
    const result = await sandboxee.close();
    expect(await meanwhile).to.be.an('array');
    expect(await sandboxee.dump()).to.deep.equal([]);
    expect(result.status).to.equal('killed');
  });

  it('shows 64 threads at most, and names each of the others with the reason', async () => {
    await using sandboxee = await launchWithStacks({ limits: { processes: 400 } });
    const started = await perform(sandboxee, ({ state }) => Number((state.stacks as StackKit).threads(100n, 'many')));
    expect(started).to.equal(100);
    const stacks = await sandboxee.dump();
    expect(stacks.length).to.be.greaterThan(100);
    expect(
      stacks.filter((stack) => 'frames' in stack),
      stacks.map(describeStack).join('\n'),
    ).to.have.length(64);
    const rest = stacks.filter((stack) => 'missing' in stack);
    for (const { missing } of rest) expect(missing).to.equal('only 64 threads are looked at');
  });

  it('escapes the names that threads give themselves', async () => {
    await using sandboxee = await launchWithStacks();
    await perform(sandboxee, ({ state }) => Number((state.stacks as StackKit).threads(1n, '\x1b[31m\nat x\r')));
    const names = async (): Promise<string[]> => (await sandboxee.dump()).map(({ name }) => name);
    while (!(await names()).some((name) => name.includes('[31m')));
    const name = (await names()).find((one) => one.includes('[31m'));
    expect(name).to.match(/^\\u\{1b\}\[31m\\nat x\\r$/);
  });
});
