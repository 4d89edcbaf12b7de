/** Calls that one asks about: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`, or `mmap prot=5`. */
import { parseValue } from './constants.js';
import { describeValue } from './describe.js';
import { RequestError } from './errors.js';
import { argumentShapes, pathArgument } from './syscalls/arguments.js';
import { type Architecture, isSyscallName, type SyscallName } from './syscalls/index.js';

/** A syscall, with as many of its arguments as are known. */
export interface ExplainRequest {
  readonly syscall: SyscallName;
  /** By index; `undefined`: whatever it is. */
  readonly args?: readonly (number | bigint | undefined)[];
  /** What the argument that is a path leads to. */
  readonly path?: string;
}

/** Throws `RequestError`. */
export function parseRequest(text: string, arch: Architecture): ExplainRequest {
  const call = /^\s*(\w+)\s*\((.*)\)\s*$/s.exec(text);
  if (call !== null) return positional(syscallNamed(call[1] ?? ''), splitArguments(call[2] ?? ''), arch);
  const [name = '', ...settings] = text.trim().split(/\s+/);
  return settings.reduce((request, setting) => assign(request, setting, arch), { syscall: syscallNamed(name) });
}

function syscallNamed(name: string): SyscallName {
  if (isSyscallName(name)) return name;
  throw new RequestError(`no kernel up to 6.18 has a syscall '${name}' on x64 or arm64`);
}

function positional(syscall: SyscallName, values: readonly string[], arch: Architecture): ExplainRequest {
  if (values.length > 6) throw new RequestError(`a syscall has six arguments at most, not ${values.length}`);
  return values.reduce<ExplainRequest>((request, value, index) => withArgument(request, index, value, arch), {
    syscall,
  });
}

/** `prot=5`: by the name of the argument, or as much of it as is needed to tell it from the others, or `arg2`. */
function assign(request: ExplainRequest, setting: string, arch: Architecture): ExplainRequest {
  const at = setting.indexOf('=');
  if (at < 1) throw new RequestError(`'${setting}' is no argument: write name=value after the syscall`);
  const name = setting.slice(0, at);
  return withArgument(request, indexOf(request.syscall, name), setting.slice(at + 1), arch);
}

function indexOf(syscall: SyscallName, name: string): number {
  const numbered = /^arg([0-5])$/.exec(name);
  if (numbered !== null) return Number(numbered[1]);
  const names = (argumentShapes(syscall) ?? []).map((shape) => shape.name);
  const exact = names.indexOf(name);
  if (exact !== -1) return exact;
  const [found, ...others] = names.filter((each) => each.startsWith(name));
  if (found !== undefined && others.length === 0) return names.indexOf(found);
  const known = names.length > 0 ? `${names.join(', ')}, or arg0 to arg5` : 'arg0 to arg5';
  throw new RequestError(`${syscall} has no argument '${name}': it has ${known}`);
}

function withArgument(request: ExplainRequest, index: number, text: string, arch: Architecture): ExplainRequest {
  const { args = [] } = request;
  const value = text.trim();
  if (value === '_' || value === '') return request;
  const isPath = pathArgument(request.syscall) === index;
  const quoted = /^"(.*)"$/s.exec(value);
  // Other text, a second path or what is written, is something that no filter sees.
  if (quoted !== null && !isPath) return request;
  const numbers = Array.from({ length: Math.max(args.length, index + 1) }, (_, at) => args[at]);
  numbers[index] = quoted === null ? numberOf(value, arch) : undefined;
  if (quoted !== null) return { ...request, args: numbers, path: unescaped(quoted[1] ?? '') };
  const { path, ...rest } = request;
  return path === undefined || isPath ? { ...rest, args: numbers } : { ...rest, args: numbers, path };
}

/** As `describeRequest` writes it, which is as JSON does. */
function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|(["\\bfnrt]))/g, (written) => String(JSON.parse(`"${written}"`)));
}

function numberOf(text: string, arch: Architecture): bigint {
  try {
    return parseValue(text, arch);
  } catch (error) {
    if (error instanceof RangeError) throw new RequestError(error.message);
    throw error;
  }
}

/** At commas outside of quotes. */
function splitArguments(text: string): readonly string[] {
  if (text.trim() === '') return [];
  const parts = [''];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[^,"]+|[,"]/gs)) {
    if (token === ',') parts.push('');
    else parts.push(`${parts.pop() ?? ''}${token}`);
  }
  return parts;
}

/** `mmap(_, _, PROT_READ|PROT_EXEC, _, _, _)`; the bare name where nothing is known of the arguments. */
export function describeRequest({ syscall, args = [], path }: ExplainRequest, arch: Architecture): string {
  const shapes = argumentShapes(syscall) ?? [];
  if (path === undefined && args.every((value) => value === undefined)) return syscall;
  const pathAt = path === undefined ? -1 : shapes.findIndex(({ kind }) => kind === 'path');
  const shown = Array.from({ length: Math.max(shapes.length, args.length) }, (_, index) => {
    const value = args[index];
    if (index === pathAt) return JSON.stringify(path);
    return value === undefined ? '_' : describeValue(shapes[index]?.kind ?? 'hex', BigInt(value), arch);
  });
  return `${syscall}(${shown.join(', ')})`;
}
