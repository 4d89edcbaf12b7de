import { expect } from 'chai';
import fc from 'fast-check';
import { encodePlan } from '../../broker/plan/encode.js';
import { PlanError } from '../../broker/plan/errors.js';
import { OPERATIONS, PLAN_LIMITS } from '../../broker/plan/ops.js';
import type { Step } from '../../broker/plan/steps.js';
import { decodePlan } from './decode.js';

const bind: Step = { op: 'bind', source: '/usr', target: '/usr', attributes: 7, make: true, device: 0n, inode: 0n };

function refusal(...steps: Step[]): PlanError {
  try {
    encodePlan(steps);
  } catch (error) {
    if (error instanceof PlanError) return error;
    throw error;
  }
  throw new Error('was encoded');
}

describe('encodePlan', () => {
  it('encodes every kind of field so that an independent decoder reads it back', () => {
    const steps: Step[] = [
      { op: 'keepFds', from: [0, 6], to: [0, 4] },
      { op: 'oomScoreAdj', value: -17 },
      { op: 'pidNamespace' },
      { op: 'rlimit', resource: 7, soft: 5n, hard: 0xffff_ffff_ffff_ffffn },
      { op: 'proc', target: '/proc', processesOnly: true, optional: false },
      {
        op: 'landlock',
        fs: 1n,
        net: 2n,
        scoped: 3n,
        paths: ['/', '/dev/null'],
        rights: [4n, 5n],
        file: -1,
        fileRights: 0n,
      },
      {
        op: 'run',
        path: '/bin/x',
        arguments: ['x', '', 'abc'],
        environment: [],
        supervisor: Buffer.from([1, 2, 3, 4, 5]),
      },
    ];
    expect(decodePlan(encodePlan(steps))).to.deep.equal(steps);
  });

  it('reads back whatever texts, numbers and bytes there are', () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
    const step = fc.record({
      op: fc.constant('run' as const),
      path: fc.constant('/x'),
      arguments: fc.array(text),
      environment: fc.array(text),
      supervisor: fc.uint8Array(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const decoded = decodePlan(encodePlan(steps));
        const expected = steps.map(({ supervisor, ...rest }) => ({
          ...rest,
          arguments: rest.arguments.map(asLatin1),
          environment: rest.environment.map(asLatin1),
          supervisor: Buffer.from(supervisor),
        }));
        expect(decoded).to.deep.equal(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('encodes an empty plan, which the launcher will refuse for want of a program', () => {
    expect(decodePlan(encodePlan([]))).to.deep.equal([]);
  });

  it('refuses with a code, and names the step and the field', () => {
    const error = refusal({ op: 'pivot', attributes: 7 }, { ...bind, target: 'usr' });
    expect(error.code).to.equal('ERR_SALLYPORT_PLAN');
    expect(error.message).to.equal(
      'step 1 (bind), target: "usr" is not an absolute path without empty, `.` or `..` components',
    );
  });

  for (const path of ['', 'a', './a', '/a/', '//a', '/a/../b', '/..', '/.', '/a/./b', '/a//b']) {
    it(`refuses ${JSON.stringify(path)} for a path`, () => {
      expect(refusal({ ...bind, source: path }).message).to.include('step 0 (bind), source');
    });
  }

  for (const path of ['/', '/a', '/a/..b', '/.a', '/...']) {
    it(`takes ${path} for a path`, () => {
      expect(decodePlan(encodePlan([{ ...bind, source: path }]))[0]).to.include({ source: path });
    });
  }

  it('refuses NUL bytes and lone surrogates, which would name another file', () => {
    expect(refusal({ ...bind, source: '/etc/passwd\0.txt' }).message).to.include('NUL');
    expect(refusal({ ...bind, source: '/a\ud800' }).message).to.include('Unicode');
    expect(refusal({ op: 'hostname', name: 'a\0b' }).message).to.include('NUL');
  });

  it('refuses a text longer than the launcher takes, measured in bytes', () => {
    const most = 'é'.repeat(PLAN_LIMITS.text / 2);
    expect(() => encodePlan([{ op: 'hostname', name: most }])).not.to.throw();
    expect(refusal({ op: 'hostname', name: `${most}a` }).message).to.include(`${PLAN_LIMITS.text + 1} bytes of text`);
  });

  it('refuses numbers that do not fit', () => {
    expect(refusal({ op: 'unshare', flags: -1 }).message).to.include('flags: -1');
    expect(refusal({ op: 'unshare', flags: 2 ** 32 }).message).to.include('flags');
    expect(refusal({ op: 'unshare', flags: 1.5 }).message).to.include('flags');
    expect(refusal({ op: 'oomScoreAdj', value: 2 ** 31 }).message).to.include('value');
    expect(refusal({ op: 'mask', target: '/a', size: -1n }).message).to.include('size');
    expect(refusal({ op: 'mask', target: '/a', size: 2n ** 64n }).message).to.include('size');
  });

  it('refuses more steps, items or bytes than the launcher takes', () => {
    const many = Array.from({ length: PLAN_LIMITS.steps + 1 }, (): Step => ({ op: 'pivot', attributes: 7 }));
    expect(refusal(...many).message).to.include('4097 steps');
    const controls = Array.from({ length: PLAN_LIMITS.items + 1 }, () => 0);
    expect(refusal({ op: 'speculation', controls }).message).to.include('4097 items');
    const large: Step = { op: 'stage0', filter: new Uint8Array(600 * 1024) };
    expect(() => encodePlan([large])).not.to.throw();
    expect(refusal(large, large).message).to.include('1048576 bytes');
  });

  it('fits a plan of exactly the most bytes', () => {
    const overhead = 16 + 8 + 4;
    const plan = encodePlan([{ op: 'stage0', filter: new Uint8Array(PLAN_LIMITS.size - overhead) }]);
    expect(plan.length).to.equal(PLAN_LIMITS.size);
    expect(refusal({ op: 'stage0', filter: new Uint8Array(PLAN_LIMITS.size - overhead + 1) })).to.be.instanceOf(
      PlanError,
    );
  });
});

describe('the table of steps', () => {
  it('has a number of its own for each step, and no more fields than the launcher takes', () => {
    const numbers = Object.values(OPERATIONS).map(({ op }) => op);
    expect(new Set(numbers).size).to.equal(numbers.length);
    expect(numbers).not.to.include(0);
    for (const { fields } of Object.values(OPERATIONS))
      expect(Object.keys(fields).length).to.be.at.most(PLAN_LIMITS.fields);
  });
});

function asLatin1(value: string): string {
  return Buffer.from(value).toString('latin1');
}
