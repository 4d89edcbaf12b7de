import { hostname } from 'node:os';
import { expect } from 'chai';
import { dangerouslyAllowUnrestrictedNetworking, KiB, OptionError, policies } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { launchPuppet, perform } from '../support/puppet.js';

const preset = policies.node();
const REFUSED = [
  ['setHostname()', preset.setHostname('gatehouse')],
  ['setRootWritable()', preset.setRootWritable()],
  ['allowUnrestrictedNetworking()', preset.allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking)],
  ["addTmpfs('/scratch', 65536)", preset.addTmpfs('/scratch', 64 * KiB)],
  ["addFileAt('/etc/hostname', '/elsewhere')", preset.addFileAt('/etc/hostname', '/elsewhere')],
] as const;

describe('what a policy says that takes namespaces', () => {
  leakGate();

  for (const [call, builder] of REFUSED) {
    it(`is refused by name in the tier base, before anything is started: ${call}`, async () => {
      const error = await launchPuppet({ policy: builder.build(), tier: 'base' }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(OptionError);
      expect(String(error)).to.include(`tier base has no namespaces`).and.to.include(call);
    });
  }

  it('is not in force without being said: the name of the host is that of the host', async () => {
    await using puppet = await launchPuppet({ tier: 'base' });
    expect(await perform(puppet, ({ modules: { os } }) => os.hostname())).to.equal(hostname());
  });
});
