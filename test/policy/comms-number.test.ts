import { expect } from 'chai';
import { admitFirstExec } from '../../broker/policy/first-exec.js';
import { policies } from '../../broker/policy/presets.js';
import { syscallNumber } from '../../broker/policy/syscalls/index.js';
import { ALLOW, ask, NOTIFY, X64 } from './filters.js';

const policy = policies.node({ arch: X64 }).allowDup().allowSyscalls('close_range').build();
const NUMBERS = [3, 4, 5, 6, 7, 8, 31, 32, 100, 211, 1023];

describe('the number of comms in a compiled policy', () => {
  it('is 3 unless it is told otherwise, and each is compiled once', () => {
    expect(policy.compile()).to.equal(policy.compile(3));
    expect(policy.compile(7)).to.equal(policy.compile(7)).and.not.equal(policy.compile());
  });

  for (const comms of NUMBERS) {
    describe(`where it is ${comms}`, () => {
      const { program } = policy.compile(comms);
      const around = [0, 1, 2, 3, 4, comms - 1, comms + 1, comms ^ 1, 1023, 0xffffffff].filter((fd) => fd !== comms);

      it('is the one on which messages are sent and received', () => {
        expect(ask(program, 'sendmsg', [comms, 0, 0])).to.deep.equal(ALLOW);
        expect(ask(program, 'recvmsg', [comms, 0, 0])).to.deep.equal(ALLOW);
        for (const fd of around) expect(ask(program, 'sendmsg', [fd, 0, 0]), `${fd}`).to.deep.equal(NOTIFY);
      });

      it('is the one that is not closed and not replaced', () => {
        expect(ask(program, 'close', [comms])).to.deep.equal(NOTIFY);
        expect(ask(program, 'dup2', [0, comms])).to.deep.equal(NOTIFY);
        expect(ask(program, 'dup3', [0, comms])).to.deep.equal(NOTIFY);
        for (const fd of around) {
          expect(ask(program, 'close', [fd]), `${fd}`).to.deep.equal(ALLOW);
          expect(ask(program, 'dup2', [0, fd]), `${fd}`).to.deep.equal(ALLOW);
        }
      });

      it('lies in no range that is closed', () => {
        const edges = [0, 1, 2, 3, comms - 1, comms, comms + 1, 4095, 0x7fffffff, 0xffffffff];
        for (const first of edges) {
          for (const last of edges) {
            const spans = first <= comms && comms <= last;
            expect(ask(program, 'close_range', [first, last, 0]), `${first} to ${last}`).to.deep.equal(
              spans ? NOTIFY : ALLOW,
            );
          }
        }
      });
    });
  }
});

describe('the exec that begins a program', () => {
  const MARK = 0x59505345;
  const execveat = syscallNumber(X64, 'execveat');
  const { program } = policies.staticBinary({ arch: X64 }).allowSyscalls('execveat').build().compile();
  const filter = admitFirstExec(program, { arch: X64, execveat, argument: MARK });

  it('is for the monitor, also where the policy allows every execveat', () => {
    expect(ask(filter, 'execveat', [4, 0, 0, 0, 0x1000, MARK])).to.deep.equal(NOTIFY);
    expect(ask(filter, 'execveat', [4, 0, 0, 0, 0x1000, MARK + 1])).to.deep.equal(ALLOW);
    expect(ask(filter, 'execveat', [4, 0, 0, 0, 0x1000, 0])).to.deep.equal(ALLOW);
  });

  it('changes nothing of any other call', () => {
    for (const name of ['read', 'ptrace', 'openat', 'execve', 'sendmsg', 'io_uring_setup'] as const) {
      for (const args of [[], [3, 0, 0, 0, 0, MARK], [0, 0, 0, 0, 0x1000, MARK]])
        expect(ask(filter, name, args), name).to.deep.equal(ask(program, name, args));
    }
  });
});
