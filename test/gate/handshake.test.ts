import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { launchRogue } from './rogue.js';
import { expectSetupError, refusedLaunch } from './support.js';

describe('the handshake of a sandboxee', () => {
  leakGate();

  it('ends where it comes from a copy of the package with another protocol', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello(7);
      await kit.go();
    });
    const { hint } = await expectSetupError(
      launching,
      'gate:versions',
      /speaks version 7 of the protocol, the broker 2/,
    );
    expect(hint).to.match(/same sallyport package/);
  });

  it('begins with hello', async () => {
    const launching = launchRogue(async (kit) => {
      kit.sendSealed();
      await kit.go();
    });
    await expectSetupError(launching, 'gate:handshake', /expected Hello.* sent Sealed/);
  });

  it('does not let the filter be sealed before the listener is there', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      await kit.filter();
      kit.sendSealed();
      await kit.go();
    });
    await expectSetupError(launching, 'gate:handshake', /expected Listener.* sent Sealed/);
  });

  it('escapes what the sandboxee says of its own failure', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.hello();
      await kit.filter();
      const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 4]), Buffer.from('step\u001b[31mred\nline')]);
      await kit.comms().sendControl(kit.Tag.GateFailed, message);
      await kit.go();
    });
    const { errno } = await expectSetupError(launching, 'gate:step', /^\\u\{1b\}\[31mred\\nline$/);
    expect(errno).to.equal('');
  });

  it('is told to go by nobody but the broker', async () => {
    const result = await refusedLaunch(
      launchRogue(async (kit) => {
        kit.raw(kit.frame(kit.Tag.Go));
        await kit.go();
      }),
    );
    expect(result).to.include({ status: 'violation', kind: 'protocol' }).and.property('detail').match(/Go/);
  });

  it('takes no value before go', async () => {
    const result = await refusedLaunch(
      launchRogue(async (kit) => {
        await kit.hello();
        kit.raw(kit.frame(kit.Tag.String, Buffer.from('early')));
        await kit.go();
      }),
    );
    expect(result)
      .to.include({ status: 'violation', kind: 'protocol' })
      .and.property('detail')
      .match(/String/);
  });

  it('ends at bytes that are no frame', async () => {
    const result = await refusedLaunch(
      launchRogue(async (kit) => {
        kit.raw(Buffer.alloc(64, 0xff));
        await kit.go();
      }),
    );
    expect(result).to.include({ status: 'violation', kind: 'protocol' });
  });

  it('ends with a malformed hello', async () => {
    const launching = launchRogue(async (kit) => {
      await kit.comms().sendControl(kit.Tag.Hello, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 200, 0]));
      await kit.go();
    });
    await expectSetupError(launching, 'gate:handshake', /malformed hello/);
  });

  it('ends when the sandboxee closes its end, and stays', async () => {
    const launching = launchRogue(
      async (kit) => {
        kit.attack.syscall(3, 3);
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      },
      { limits: { gateTime: 1500 } },
    );
    await expectSetupError(launching, 'gate:deadline', /within 1500 ms/);
  });
});
