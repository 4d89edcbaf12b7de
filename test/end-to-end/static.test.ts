import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Fd, launch, PolicyBuilder, program, type Result } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { demandedTier } from '../support/tier.js';

const app = fileURLToPath(new URL('../../examples/static/app.js', import.meta.url));
const binary = new URL('../../../native/build/Release/example-static', import.meta.url);

/** As the example has them. */
const WORDS: Readonly<Record<string, (builder: PolicyBuilder) => PolicyBuilder>> = {
  allowStaticStartup: (builder) => builder.allowStaticStartup(),
  allowComms: (builder) => builder.allowComms(),
  "allowSyscall('read')": (builder) => builder.allowSyscall('read'),
  allowSharedMemory: (builder) => builder.allowSharedMemory(),
  allowExit: (builder) => builder.allowExit(),
};

async function run(words: readonly string[]): Promise<Result> {
  const policy = words
    .reduce((builder, word) => WORDS[word]?.(builder) ?? expect.fail(word), new PolicyBuilder())
    .build();
  await using sandboxee = await launch(program(binary), { policy, limits: { wallTime: 10_000 }, ...demandedTier });
  const { comms } = sandboxee;
  const asked = (async () => {
    await comms.sendInt32(1000);
    await comms.sendFd(Fd.open(app));
    await comms.sendBuffer(sandboxee.createBuffer(256 * 8, 'writable'));
    await comms.recvUint64();
    (await comms.recvBuffer()).close();
  })();
  // It ends in the middle of that, where a word is missing.
  await asked.catch(() => {});
  return await sandboxee.result;
}

describe('the static program in C', () => {
  leakGate();

  it('counts the bytes of a file that it is handed', () => {
    const said = execFileSync(process.execPath, [app, app], { encoding: 'utf8' });
    const kinds = new Set(readFileSync(app)).size;
    expect(said).to.include(`${app}: ${statSync(app).size} bytes of ${kinds} kinds, which looks like text`);
    expect(said).to.include('The program exited with code 0.');
  });

  it('runs with the words of its policy', async () => {
    expect(await run(Object.keys(WORDS))).to.include({ status: 'ok', exitCode: 0 });
  });

  for (const word of Object.keys(WORDS)) {
    it(`does not without ${word}`, async () => {
      const without = Object.keys(WORDS).filter((other) => other !== word);
      expect(await run(without)).to.include({ status: 'violation' });
    });
  }
});
