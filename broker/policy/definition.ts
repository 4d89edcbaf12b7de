/** What a policy consists of, as values that nobody changes. */
import type { Action, Expression } from './bpf/nodes.js';
import type { JsonObject } from './document/json.js';
import type { PolicyProblem } from './errors.js';
import type { FilesystemPolicy } from './filesystem.js';
import type { Statement } from './statements.js';
import type { Architecture, SyscallName } from './syscalls/index.js';
import type { AllSyscalls, PermitAll, TraceAll } from './tokens.js';
import type { Part } from './words.js';

/** Where something was said. */
export interface Origin {
  /** As it would be written: `allowSyscall('ptrace')`, `policies.node()`. */
  readonly call: string;
  /** The path into the document: `/rules/3`. */
  readonly pointer?: string;
  /** Presets say why each of their rules is there. */
  readonly why?: string;
}

/** One rule for some syscalls, and where it comes from. */
export interface Entry extends Part {
  readonly origin: Origin;
}

/** A denied path is reported and answered with an errno, or it is the end of the sandboxee. */
export type PathDenial = 'report' | 'kill';

export type PresetName = 'node' | 'nodeJitless' | 'staticBinary' | 'dynamicBinary' | 'commandLine';

export interface Preset {
  readonly name: PresetName;
  readonly entries: readonly Entry[];
  /** Paths whose denial is no matter. */
  readonly harmlessPaths: readonly string[];
}

/** A statement, and where it was made. */
export interface Stated {
  readonly statement: Statement;
  readonly origin: Origin;
}

export type DefaultAction = Action | DefaultToken;

export type DefaultToken = AllSyscalls | PermitAll | TraceAll;

/** The state of a builder, and what is read from a document. `undefined`: not said. */
export interface Draft {
  readonly name: string | undefined;
  readonly arch: Architecture | undefined;
  readonly preset: Preset | undefined;
  /** The author's statements, which come before the preset's. */
  readonly stated: readonly Stated[];
  readonly defaultAction: DefaultAction | undefined;
  readonly onPathDenial: PathDenial | undefined;
  readonly harmlessPaths: readonly string[] | undefined;
  /** What was wrong with calls that made no statement. */
  readonly problems: readonly PolicyProblem[];
}

/** What one author says. `written`: the document that it was read from; what a builder was told is written anew. */
export interface RulePolicy {
  readonly kind: 'rules';
  readonly name: string;
  readonly arch: Architecture;
  /** In the order in which they are asked; the preset's last. */
  readonly entries: readonly Entry[];
  /** What the author says of each syscall that a rule names; the refusals come on top. */
  readonly decisions: ReadonlyMap<SyscallName, Expression>;
  /** For syscalls of the table that no rule decides. */
  readonly fallback: Action;
  readonly pathDenialIsViolation: boolean;
  /** Exact paths, or beginnings of paths where they end with `*`. */
  readonly harmlessPaths: readonly string[];
  readonly filesystem: FilesystemPolicy;
  readonly draft: Draft;
  readonly written?: JsonObject;
  /** Where in the document it is: '' or `/intersection/1`. */
  readonly pointer?: string;
}

/** What all of several say. */
export interface IntersectionPolicy {
  readonly kind: 'intersection';
  readonly name: string;
  readonly arch: Architecture;
  readonly filesystem: FilesystemPolicy;
  /** At least two. */
  readonly parts: readonly Definition[];
  readonly written?: JsonObject;
}

export type Definition = RulePolicy | IntersectionPolicy;
