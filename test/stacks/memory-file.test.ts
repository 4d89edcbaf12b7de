import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { fromFd, launch, memoryFile, PolicyBuilder } from '../../broker/index.js';
import { syscallNumber } from '../../broker/policy/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { framesOf } from './support.js';

const policy = new PolicyBuilder().allowStaticStartup().allowExit().build();

describe('the stack of a violation', () => {
  leakGate();

  it('of a program that runs from memory has frames by place, and names none of them', async () => {
    const file = memoryFile(readFileSync(attackProgram('cases')), { executable: true });
    const args = ['syscall', String(syscallNumber(policy.arch, 'getppid'))];
    await using sandboxee = await launch(fromFd(file, { args }), { policy, limits: { wallTime: 10_000 } });
    const result = await sandboxee.result;
    if (result.status !== 'violation' || result.kind !== 'syscall') expect.fail(result.status);
    expect(result.syscall.name).to.equal('getppid');
    const own = framesOf(result.stack).filter((frame) => frame.kind === 'native' && frame.module.includes('memfd:'));
    expect(own.length).to.be.greaterThan(0);
    for (const frame of own) expect(frame).to.not.have.property('symbol');
  });
});
