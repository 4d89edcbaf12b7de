/** How a policy is written, and what becomes of it. `bpf/dsl.ts` has the words of single rules. */
export { type ErrnoName, PolicyBuilder } from './builder.js';
export { type DescribedSyscall, describeArchitecture, describeSyscall, type SeenSyscall } from './describe.js';
export type { PathDenial } from './draft.js';
export { PolicyError, type PolicyProblem } from './errors.js';
export { type CompiledPolicy, Policy } from './policy.js';
export { type NodePolicyOptions, policies } from './presets.js';
export { launcherProgram, stage0Program } from './stages.js';
export { type Architecture, hostArchitecture, type SyscallName } from './syscalls/index.js';
