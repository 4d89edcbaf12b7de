/** How a policy is written, and what becomes of it. */

/** The constants of the kernel's interface: `linux.PROT.PROT_READ`. */
export * as linux from './abi.js';
export type { Instruction } from './bpf/assembler.js';
/** The words of single rules: `rule.allowWhen(rule.arg(0).eq(1))`. */
export * as rule from './bpf/dsl.js';
export { bpf, type RawProgram } from './bpf/raw.js';
export { PolicyBuilder } from './builder.js';

export type { PathDenial } from './definition.js';
export { type DescribedSyscall, describeArchitecture, describeSyscall, type SeenSyscall } from './describe.js';
export type { PolicyDiff, SettingChange, SyscallChange } from './diff.js';
export type { FileChange } from './diff-files.js';
export type { Json, JsonObject } from './document/json.js';
export type { ErrnoName } from './errno-names.js';
export { PolicyError, type PolicyProblem, RequestError } from './errors.js';
export type { Effect, Explanation, LineOf, Outcome } from './explain.js';
export type { GrantOptions, LibraryOptions } from './file-words.js';
export type { FileAccess, FileGrant, FilesystemPolicy, LibrariesGrant, TmpfsGrant } from './filesystem.js';
export type { Finding, FindingKind } from './finding.js';
export { admitFirstExec, type FirstExec } from './first-exec.js';
export { withOwnPid } from './own-pid.js';
export { type CompiledPolicy, Policy } from './policy.js';
export { type PresetOptions, policies } from './presets.js';
export { foreignReason, type Reason } from './reasons.js';
export type { ExplainRequest } from './requests.js';
export { launcherProgram, stage0InOneGroup, stage0Program } from './stages.js';
export { type Architecture, hostArchitecture, type SyscallName, syscallNumber } from './syscalls/index.js';
export {
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
  dangerouslyPermitAllAndLog,
  traceAllSyscalls,
} from './tokens.js';
export { SCOPES_FROM, type Unmediated } from './unmediated.js';
