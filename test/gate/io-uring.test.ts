import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { expect } from 'chai';
import { leakGate } from '../support/leak-gate.js';
import { type Kit, launchPuppet, perform } from '../support/puppet.js';
import { nodeBinaries } from './node-binaries.js';

const { ENOSYS } = constants.errno;

/** io_uring_setup, io_uring_enter, io_uring_register; the same numbers on every architecture. */
function tryRings({ attack }: Kit): number[] {
  return [attack.syscall(425, 8, Buffer.alloc(120)), attack.syscall(426, 3, 1, 0, 0), attack.syscall(427, 3, 0, 0, 0)];
}

for (const { version, execPath } of nodeBinaries()) {
  describe(`io_uring in a sandboxee, Node ${version}`, () => {
    leakGate();

    for (const UV_USE_IO_URING of ['0', '1']) {
      it(`does not exist, before the gate or after, with UV_USE_IO_URING=${UV_USE_IO_URING}`, async () => {
        await using sandboxee = await launchPuppet({
          node: { execPath, env: { UV_USE_IO_URING } },
          before: async ({ attack, modules, state }) => {
            await modules.fs.promises.readFile(process.argv[1] ?? '');
            state.before = [
              attack.syscall(425, 8, Buffer.alloc(120)),
              attack.syscall(426, 3, 1, 0, 0),
              attack.syscall(427, 3, 0, 0, 0),
            ];
          },
        });
        const none = [-ENOSYS, -ENOSYS, -ENOSYS];
        expect(await perform(sandboxee, ({ state }) => state.before)).to.deep.equal(none);
        expect(await perform(sandboxee, tryRings)).to.deep.equal(none);
        const { pid } = sandboxee;
        const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
        expect(fds.filter((target) => target.includes('io_uring'))).to.deep.equal([]);
        expect(readFileSync(`/proc/${pid}/maps`, 'latin1')).to.not.include('io_uring');
      });
    }
  });
}
