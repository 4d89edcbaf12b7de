import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { dangerouslyAllowSpeculation, launch, PolicyBuilder, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { launchPuppet } from '../support/puppet.js';

/** PR_SPEC_STORE_BYPASS and PR_SPEC_INDIRECT_BRANCH. */
const CONTROLS = [0, 1];
/** From linux/prctl.h: a thread can be told, and it was told for good. */
const [PR_SPEC_PRCTL, PR_SPEC_FORCE_DISABLE] = [1, 8];
/** -1, as an exit status: the kernel does not know the control. */
const UNKNOWN = 255;
const FIELDS = ['Speculation_Store_Bypass', 'SpeculationIndirectBranch'];

describe('speculation', () => {
  leakGate();

  const ask = async (control: number, options: object = {}): Promise<number> => {
    const policy = new PolicyBuilder().allowStaticStartup().allowExit().allowSyscall('prctl').build();
    const executor = program(attackProgram('cases'), { args: ['speculation', String(control)] });
    await using sandboxee = await launch(executor, { policy, limits: { wallTime: 10_000 }, ...options });
    const result = await sandboxee.result;
    return result.status === 'ok' ? result.exitCode : expect.fail(result.status);
  };

  it('is disabled by force in a program, wherever the kernel has a control', async function () {
    const answers = [];
    for (const control of CONTROLS) answers.push(await ask(control));
    const controlled = answers.filter((answer) => answer !== UNKNOWN && answer & PR_SPEC_PRCTL);
    if (controlled.length === 0) {
      console.log('      skipped: this host has no control of speculation');
      this.skip();
    }
    for (const answer of controlled) expect(answer & PR_SPEC_FORCE_DISABLE).to.equal(PR_SPEC_FORCE_DISABLE);
  });

  it('is as on the host where a token allows it', async () => {
    await using puppet = await launchPuppet({ speculation: dangerouslyAllowSpeculation });
    for (const field of FIELDS) expect(statusField(puppet.pid, field)).to.equal(statusField('self', field));
    for (const control of CONTROLS) {
      const answer = await ask(control, { speculation: dangerouslyAllowSpeculation });
      if (answer === UNKNOWN || !(answer & PR_SPEC_PRCTL)) continue;
      expect(answer & PR_SPEC_FORCE_DISABLE, String(control)).to.equal(0);
    }
  });

  it('is the same for every thread of a Node program, from before the gate and after', async () => {
    await using puppet = await launchPuppet();
    const threads = readdirSync(`/proc/${puppet.pid}/task`);
    expect(threads.length).to.be.greaterThan(4);
    for (const field of FIELDS) {
      const states = new Set(threads.map((thread) => statusField(`${puppet.pid}/task/${thread}`, field)));
      expect([...states], field).to.deep.equal([statusField(puppet.pid, field)]);
      expect([...states][0]).to.not.match(/^(thread vulnerable|conditional enabled)$/);
    }
  });
});
