import { compileFigures } from './filter-compile.js';
import { syscallFigures } from './filter-syscalls.js';
import { workloadFigures } from './filter-workload.js';
import { printGates } from './gates.js';

export async function benchFilter(rounds: number): Promise<void> {
  printGates('one syscall, × without a filter', '×', await syscallFigures(rounds));
  printGates('CPU time, × without a filter', '×', await workloadFigures(rounds));
  printGates('from the Node preset to its program', 'ms', compileFigures(rounds));
}
