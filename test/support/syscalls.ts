import { hostArchitecture, type SyscallName, syscallTable } from '../../broker/policy/syscalls/index.js';

const table = syscallTable(hostArchitecture());

/** For `attack.syscall`. Throws where this architecture has no such call. */
export function numberOf(name: SyscallName): number {
  const number = table.number(name);
  if (number === undefined) throw new Error(`there is no ${name} on ${process.arch}`);
  return number;
}
