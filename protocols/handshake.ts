import { InvalidArgument, ProtocolError } from './errors.js';
import { decodeUtf8 } from './utf8.js';

/** Where a sandboxee finds its channel. Declared extra fds follow from 4. */
export const COMMS_FD = 3;

/** Both sides come from one package; a different number means that the sandboxee resolved another copy of it. */
export const PROTOCOL_VERSION = 2;

/** What the sandboxee says first. It is still trusted then; it is bounded all the same. */
export interface Hello {
  readonly protocol: number;
  /** Version of the package inside. */
  readonly sdk: string;
  /** `process.version`; empty for a program that is not Node. */
  readonly node: string;
  /** As the sandboxee sees it. */
  readonly pid: number | undefined;
}

/** The filter that the sandboxee is to install. */
export interface Filter {
  /** SECCOMP_FILTER_FLAG_*. */
  readonly flags: number;
  /** struct sock_filter[]. */
  readonly program: Uint8Array;
}

/** Why the sandboxee could not shut the gate. */
export interface GateFailure {
  readonly step: string;
  /** Positive, or 0 where no syscall failed. */
  readonly errno: number;
  readonly message: string;
}

const VERSION_MAX = 64;
const STEP_MAX = 64;
const MESSAGE_MAX = 1024;
const INSTRUCTION = 8;
const MAX_INSTRUCTIONS = 4096;

/** `{u32 protocol, u32 pid or 0, u8 length + sdk, u8 length + node}` */
export function encodeHello({ protocol, sdk, node, pid }: Hello): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(protocol, 0);
  head.writeUInt32LE(pid ?? 0, 4);
  return Buffer.concat([head, shortText(sdk, VERSION_MAX, 'sdk'), shortText(node, VERSION_MAX, 'node')]);
}

export function parseHello(payload: Buffer): Hello {
  if (payload.length < 8) throw malformed('hello');
  const sdk = readShortText(payload, 8, VERSION_MAX, 'hello');
  const node = readShortText(payload, sdk.end, VERSION_MAX, 'hello');
  if (node.end !== payload.length) throw malformed('hello');
  const pid = payload.readUInt32LE(4);
  return { protocol: payload.readUInt32LE(0), sdk: sdk.text, node: node.text, pid: pid === 0 ? undefined : pid };
}

/** `{u32 flags, program}` */
export function encodeFilter({ flags, program }: Filter): Buffer {
  if (!isProgram(program.length)) throw new InvalidArgument(`a filter program of ${program.length} bytes`);
  const bytes = Buffer.allocUnsafe(4 + program.length);
  bytes.writeUInt32LE(flags, 0);
  bytes.set(program, 4);
  return bytes;
}

export function parseFilter(payload: Buffer): Filter {
  if (!isProgram(payload.length - 4)) throw malformed('filter');
  return { flags: payload.readUInt32LE(0), program: payload.subarray(4) };
}

/** `{u32 errno, u8 length + step, UTF-8 message to the end}`. Longer texts are cut, so that a failure always gets through. */
export function encodeGateFailure({ step, errno, message }: GateFailure): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(errno, 0);
  return Buffer.concat([head, shortText(step, STEP_MAX, 'step'), cutUtf8(message, MESSAGE_MAX)]);
}

/** Text of a sandboxee: escape it wherever it is shown. */
export function parseGateFailure(payload: Buffer): GateFailure {
  if (payload.length < 4) throw malformed('gate failure');
  const step = readShortText(payload, 4, STEP_MAX, 'gate failure');
  if (payload.length - step.end > MESSAGE_MAX) throw malformed('gate failure');
  return { step: step.text, errno: payload.readUInt32LE(0), message: decodeUtf8(payload, step.end, payload.length) };
}

function isProgram(length: number): boolean {
  return length > 0 && length % INSTRUCTION === 0 && length <= MAX_INSTRUCTIONS * INSTRUCTION;
}

function shortText(text: string, max: number, what: string): Buffer {
  if (!isShortText(text, max))
    throw new InvalidArgument(`${what} ${JSON.stringify(text)}: at most ${max} printable ASCII characters`);
  return Buffer.from(`${String.fromCharCode(text.length)}${text}`, 'latin1');
}

function readShortText(payload: Buffer, at: number, max: number, what: string): { text: string; end: number } {
  const length = payload[at];
  if (length === undefined || at + 1 + length > payload.length) throw malformed(what);
  const end = at + 1 + length;
  const text = payload.toString('latin1', at + 1, end);
  if (!isShortText(text, max)) throw malformed(what);
  return { text, end };
}

function isShortText(text: string, max: number): boolean {
  return text.length <= max && /^[\x20-\x7e]*$/.test(text);
}

/** At most `max` bytes, and no character in part. */
function cutUtf8(text: string, max: number): Buffer {
  const target = Buffer.alloc(max);
  const { written } = new TextEncoder().encodeInto(text, target);
  return target.subarray(0, written);
}

function malformed(what: string): ProtocolError {
  return new ProtocolError(`the peer sent a malformed ${what}`);
}
