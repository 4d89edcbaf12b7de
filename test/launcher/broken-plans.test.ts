import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { encodePlan } from '../../broker/plan/encode.js';
import { PLAN_LIMITS } from '../../broker/plan/ops.js';
import type { Step } from '../../broker/plan/steps.js';
import { decodePlan } from '../plan/decode.js';
import { launcherLeakGate } from './leak-gate.js';
import { ALLOW_ALL, AS_USER, probePlan } from './plans.js';
import { runPlan } from './run.js';
import { compilePlanCheck } from './world.js';

const HEADER = 16;
const hostname: Step = { op: 'hostname', name: 'name' };

/** Changes a good plan. */
function changed(steps: Step[], change: (bytes: Buffer) => Buffer | undefined): Buffer {
  const bytes = Buffer.from(encodePlan(steps));
  return change(bytes) ?? bytes;
}

function withSize(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(bytes.length, 12);
  return bytes;
}

const FIELDS = HEADER + 8;
const broken: readonly { what: string; plan: Buffer; why: string }[] = [
  { what: 'nothing', plan: Buffer.alloc(0), why: 'it is shorter than its header' },
  { what: 'half a header', plan: changed([], (bytes) => bytes.subarray(0, 15)), why: 'it is shorter than its header' },
  { what: 'another file', plan: Buffer.alloc(4096, 'x'), why: 'it is not a plan of this version' },
  {
    what: 'another version',
    plan: changed([], (bytes) => void bytes.writeUInt32LE(2, 4)),
    why: 'it is not a plan of this version',
  },
  {
    what: 'a truncated plan',
    plan: changed([hostname], (bytes) => bytes.subarray(0, -4)),
    why: 'its size is not the size that it states',
  },
  {
    what: 'a step that is cut off',
    plan: changed([hostname], (bytes) => withSize(bytes.subarray(0, -4))),
    why: 'it ends before its step does',
  },
  {
    what: 'too many steps',
    plan: changed([], (bytes) => void bytes.writeUInt32LE(PLAN_LIMITS.steps + 1, 8)),
    why: 'it has too many steps',
  },
  {
    what: 'a huge count of steps',
    plan: changed([], (bytes) => void bytes.writeUInt32LE(0xffff_ffff, 8)),
    why: 'it has too many steps',
  },
  {
    what: 'fewer steps than it says',
    plan: changed([], (bytes) => void bytes.writeUInt32LE(1, 8)),
    why: 'it ends before its step does',
  },
  {
    what: 'more steps than it says',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(0, 8)),
    why: 'there are bytes left over after the last step',
  },
  {
    what: 'an unknown step',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(999, HEADER)),
    why: 'no step has this number',
  },
  {
    what: 'step 0',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(0, HEADER)),
    why: 'no step has this number',
  },
  {
    what: 'a step beyond the end',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(0xffff_fffc, HEADER + 4)),
    why: 'it ends before its step does',
  },
  {
    what: 'a text beyond the end of its step',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(9, FIELDS)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a text of 4 GiB',
    plan: changed([hostname], (bytes) => void bytes.writeUInt32LE(0xffff_ffff, FIELDS)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a NUL in a text',
    plan: changed([hostname], (bytes) => void bytes.writeUInt8(0, FIELDS + 5)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a text without its NUL',
    plan: changed([hostname], (bytes) => void bytes.fill('x', FIELDS + 4)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a relative path',
    plan: changed([{ op: 'workingDirectory', path: '/a' }], (bytes) => void bytes.write('a', FIELDS + 4)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a flag of 2',
    plan: changed(
      [{ op: 'proc', target: '/proc', processesOnly: true, optional: true }],
      (bytes) => void bytes.writeUInt32LE(2, bytes.length - 4),
    ),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a huge list',
    plan: changed([{ op: 'speculation', controls: [1] }], (bytes) => void bytes.writeUInt32LE(0x4000_0001, FIELDS)),
    why: 'the fields do not have the shape of the step',
  },
  {
    what: 'a field too many',
    plan: changed([{ op: 'speculation', controls: [1] }], (bytes) => void bytes.writeUInt32LE(0, FIELDS)),
    why: 'there are bytes left over after the fields',
  },
  { what: 'more than 1 MiB', plan: Buffer.alloc(PLAN_LIMITS.size + 1), why: 'it is longer than a plan may be' },
];

describe('a broken plan', () => {
  launcherLeakGate();

  for (const { what, plan, why } of broken) {
    it(`is refused before any step is run: ${what}`, async () => {
      // The launcher gets no empty memfd: a pad beyond the header does not make it a plan either.
      const outcome = await runPlan(plan);
      expect(outcome.frames).to.deep.equal(['Failed']);
      expect(outcome.failed).to.deep.include({ errnoName: 'EINVAL', detail: `the plan is broken: ${why}` });
      expect(outcome.outer).to.include({ kind: 'exited', code: 1 });
    });
  }

  it('names the step in which it is broken, and runs none of those before it', async () => {
    const plan = changed(
      [hostname, { op: 'pivot', attributes: 7 }, { op: 'session' }],
      (bytes) => void bytes.writeUInt32LE(77, bytes.length - 8),
    );
    expect((await runPlan(plan)).failed).to.include({ index: 2, step: 'unknown step 77' });
  });
});

describe('the decoder of plans, under AddressSanitizer and UndefinedBehaviorSanitizer', () => {
  const full = Buffer.from(
    encodePlan(probePlan(AS_USER, ['list=/', 'fds'], { tmpfs: [{ target: '/tmp', size: 4096, inodes: 4 }] })),
  );
  const short = Buffer.from(
    encodePlan([
      { op: 'keepFds', from: [0, 1], to: [1, 0] },
      { op: 'landlock', fs: 1n, net: 2n, scoped: 3n, paths: ['/', '/a'], rights: [4n, 5n], file: -1, fileRights: 0n },
      { op: 'run', path: '/x', arguments: ['a', ''], environment: ['A=b'], supervisor: ALLOW_ALL },
    ]),
  );
  let program: string;

  before(function () {
    this.timeout(60_000);
    program = compilePlanCheck();
  });

  /** `ok` or `broken` for each. */
  function verdicts(plans: readonly Uint8Array[]): string[] {
    const input = plans.flatMap((plan) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(plan.length);
      return [length, plan];
    });
    const { stdout, stderr, status } = spawnSync(program, { input: Buffer.concat(input), maxBuffer: 1 << 26 });
    expect(stderr.toString()).to.equal('');
    expect(status).to.equal(0);
    return stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
  }

  function expected(plan: Uint8Array): string {
    try {
      decodePlan(plan);
      return 'ok';
    } catch {
      return 'broken';
    }
  }

  function agree(plans: readonly Uint8Array[]): void {
    const found = verdicts(plans);
    expect(found).to.have.length(plans.length);
    plans.forEach((plan, index) => {
      if (found[index] !== expected(plan))
        expect.fail(`${found[index]} where ${expected(plan)} was expected: ${Buffer.from(plan).toString('hex')}`);
    });
  }

  it('takes good plans', () => {
    expect(verdicts([full, short])).to.deep.equal(['ok', 'ok']);
  });

  it('says of every truncation what an independent decoder says', () => {
    const cut = Array.from({ length: short.length }, (_, size) => Buffer.from(short.subarray(0, size)));
    agree(cut);
    agree(cut.filter(({ length }) => length >= HEADER).map((plan) => withSize(Buffer.from(plan))));
  });

  it('says of plans with any one word changed what an independent decoder says', () => {
    const words = [0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff, short.length, 0x2f, 0x41414141];
    const plans: Buffer[] = [];
    for (let at = 0; at + 4 <= short.length; at += 4) {
      for (const word of words) {
        const plan = Buffer.from(short);
        plan.writeUInt32LE(word >>> 0, at);
        plans.push(plan);
      }
    }
    agree(plans);
  });

  it('says of 3000 mangled plans what an independent decoder says', () => {
    const random = generator(20_261_122);
    const plans = Array.from({ length: 3000 }, (_, index) => mangle(index % 2 === 0 ? short : full, random));
    agree(plans);
  });
});

/** xorshift32: the same plans each time. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mangle(good: Buffer, random: (below: number) => number): Buffer {
  let plan = Buffer.from(good);
  for (let changes = 1 + random(3); changes > 0; changes -= 1) {
    const at = random(plan.length - HEADER) + HEADER;
    const kind = random(4);
    if (kind === 0) plan[at] = random(256);
    if (kind === 1) plan.writeUInt8((plan.readUInt8(at) ^ (1 << random(8))) & 0xff, at);
    if (kind === 2)
      plan = Buffer.concat([plan.subarray(0, at), plan.subarray(Math.min(plan.length, at + 4 * random(4)))]);
    if (kind === 3)
      plan = Buffer.concat([plan.subarray(0, at), Buffer.alloc(4 * random(4), random(256)), plan.subarray(at)]);
    if (plan.length <= HEADER) return plan;
  }
  return withSize(plan);
}
