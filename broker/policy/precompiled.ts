/** A preset as it is, compiled beforehand, as text: to be put into a bundle that is made of these very modules. */
import { filesOf } from './files-of.js';
import { type CompiledPolicy, type Known, Policy } from './policy.js';
import type { Architecture } from './syscalls/index.js';

type Tables = 'program' | 'answers' | 'pathArguments';

export interface Precompiled {
  readonly name: string;
  readonly arch: Architecture;
  readonly known: Omit<Known, 'compiled'>;
  readonly settings: Omit<CompiledPolicy, Tables>;
  /** base64, little-endian. */
  readonly tables: Readonly<Record<Tables, string>>;
}

/** @param policy that grants no files, for an executor without comms */
export function precompile(policy: Policy): Precompiled {
  const { compiled, ...known } = policy.known('none');
  const { program, answers, pathArguments, ...settings } = compiled;
  const tables = { program: textOf(program), answers: textOf(answers), pathArguments: textOf(pathArguments) };
  return { name: policy.name, arch: policy.arch, known, settings, tables };
}

/** @param same makes the policy; called for what is not known of it, such as why a call was refused */
export function revive({ name, arch, known, settings, tables }: Precompiled, same: () => Policy): Policy {
  const answers = bytesOf(tables.answers);
  const pathArguments = bytesOf(tables.pathArguments);
  const compiled = {
    ...settings,
    program: bytesOf(tables.program),
    answers: new Int32Array(answers.buffer, answers.byteOffset, answers.length / 4),
    pathArguments: new Int8Array(pathArguments.buffer, pathArguments.byteOffset, pathArguments.length),
  };
  return Policy.knownAs({ name, arch, filesystem: filesOf(name, []) }, { ...known, compiled }, same);
}

function textOf({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** A buffer of its own, so that it is aligned. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
