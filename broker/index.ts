/** The public surface of the broker. */

export type { Usage } from '../protocols/calls/peer.js';
export type { Service } from '../protocols/calls/service.js';
export type { Comms } from '../protocols/comms.js';
export * from '../protocols/errors.js';
export { Fd } from '../protocols/fd.js';
export type { BufferMode, SharedBuffer } from '../protocols/shared-buffer.js';
export { escapeText } from '../protocols/text.js';
export { KiB, MiB } from '../protocols/units.js';
export type { DeclaredFd, DeclaredFds } from './declared-fds.js';
export { LaunchError, OptionError } from './errors.js';
export type { Events, SandboxeeEvents } from './events.js';
export {
  type Executor,
  fromFd,
  type NodeExecutor,
  type NodeOptions,
  node,
  type ProgramExecutor,
  type ProgramOptions,
  program,
} from './executor.js';
export type { HookName, Hooks, TraceDecision, TracedSyscall } from './hooks.js';
export { launch } from './launch.js';
export { dangerouslyAllowSpeculation, type LaunchOptions } from './launch-options.js';
export { describeLayer, type Layer, type LayerName, type Tier } from './layers.js';
export { librariesOf } from './libraries/index.js';
export type { HeldLimit, LimitName, Limits } from './limits.js';
export { memoryFile } from './memory-file.js';
export { PlanError } from './plan/errors.js';
export {
  type Architecture,
  bpf,
  type CompiledPolicy,
  type DescribedSyscall,
  dangerouslyAllowAllSyscalls,
  dangerouslyAllowExecutableMemory,
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
  dangerouslyPermitAllAndLog,
  type ErrnoName,
  type ExplainRequest,
  type Explanation,
  type FilesystemPolicy,
  type Finding,
  type GrantOptions,
  type LibraryOptions,
  linux,
  type PathDenial,
  Policy,
  PolicyBuilder,
  type PolicyDiff,
  PolicyError,
  type PolicyProblem,
  type PresetOptions,
  policies,
  type Reason,
  RequestError,
  rule,
  type SyscallName,
  traceAllSyscalls,
} from './policy/index.js';
export {
  type Aftermath,
  type Denial,
  describeResult,
  type Ending,
  type PermittedSyscall,
  type RefusedSyscall,
  type ReportedSyscall,
  type ResourceUsage,
  type Result,
  type Violation,
} from './result.js';
export type { Sandboxee } from './sandboxee.js';
export type { StackOptions } from './stacks/options.js';
export {
  type ClaimedFunction,
  describeStack,
  type Stack,
  type StackFrame,
  type ThreadStack,
} from './stacks/stack.js';
export type { TierDemand } from './tier.js';
