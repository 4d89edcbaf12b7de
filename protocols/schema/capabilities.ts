import type { DirectoryToken } from '../capabilities.js';
import { InvalidArgument } from '../errors.js';
import { Fd, requireKind } from '../fd.js';
import type { FdAccess, FdKind } from '../fd-facts.js';
import { type BufferMode, modeNumber, type SharedBuffer } from '../shared-buffer.js';
import { type Exportable, type OutgoingHandles, passableOf } from './handles.js';
import { type Interface, isInterface, type Members } from './interface.js';
import type { RemoteOf, ServiceOf } from './members.js';
import { Mismatch, shown } from './mismatch.js';
import type { Reader } from './reader.js';
import { makeType, type Type } from './type.js';
import type { Writer } from './writer.js';

export interface FdTypeOptions extends DirectoryToken {
  /** What it must be open for. Default: any. `read` and `write` are also met by `read-write`. */
  readonly access?: Exclude<FdAccess, 'path'>;
}

/** A descriptor of this kind. Both sides ask the kernel what it is: the sender before it moves, the receiver when it has come. */
export function fd(kind: FdKind | readonly FdKind[], options: FdTypeOptions = {}): Type<Fd> {
  const kinds: readonly FdKind[] = typeof kind === 'string' ? [kind] : kind;
  const { access, dangerouslyAllowDirectory = false } = options;
  if (kinds.length === 0) throw new InvalidArgument("t.fd(): name a kind, such as 'file'");
  if (kinds.includes('directory') && !dangerouslyAllowDirectory) {
    throw new InvalidArgument("t.fd('directory'): that takes { dangerouslyAllowDirectory: true }");
  }
  const check = (given: Fd): void => {
    try {
      requireKind(given.kind, kinds, 'the fd');
    } catch (error) {
      throw new Mismatch(error instanceof Error ? error.message : String(error));
    }
    if (given.access === 'path' && !dangerouslyAllowDirectory) throw new Mismatch('the fd is open with O_PATH');
    if (access !== undefined && given.access !== access && given.access !== 'read-write') {
      throw new Mismatch(`the fd is open for ${given.access}, not for ${access}`);
    }
    if (access === 'read-write' && given.access !== access)
      throw new Mismatch(`the fd is open for ${given.access} only`);
  };
  const words = [kinds.join('|'), access, dangerouslyAllowDirectory ? 'directories' : undefined];
  return makeType<Fd>({
    text: () => `fd(${words.filter((word) => word !== undefined).join(', ')})`,
    least: 1,
    write(writer, value) {
      if (typeof value === 'number')
        throw new Mismatch('a bare number is not sent: Fd.open a path, or Fd.adopt the number');
      if (!(value instanceof Fd)) throw new Mismatch(`${shown(value)} is no Fd`);
      void value.number;
      check(value);
      putIndex(writer, (handles) => handles.putFd(value));
    },
    read(reader) {
      const received = reader.claims().takeFd(takeIndex(reader));
      check(received);
      return received;
    },
    drop: (value) => value instanceof Fd && value.close(),
  });
}

export interface BufferTypeOptions {
  /** Bytes. */
  readonly max?: number;
}

/** Shared memory in this mode. */
export function sharedBuffer(mode: BufferMode = 'writable', { max }: BufferTypeOptions = {}): Type<SharedBuffer> {
  modeNumber(mode);
  const check = (buffer: SharedBuffer): void => {
    if (buffer.mode !== mode) throw new Mismatch(`the buffer is ${buffer.mode}, not ${mode}`);
    if (max !== undefined && buffer.size > max)
      throw new Mismatch(`the buffer has ${buffer.size} bytes and may have ${max}`);
  };
  return makeType<SharedBuffer>({
    text: () => `sharedBuffer(${mode}${max === undefined ? '' : `, ${max}`})`,
    least: 1,
    write(writer, value) {
      if (!isBuffer(value)) throw new Mismatch(`${shown(value)} is no SharedBuffer`);
      check(value);
      putIndex(writer, (handles) => handles.putBuffer(value));
    },
    read(reader) {
      const received = reader.claims().takeBuffer(takeIndex(reader));
      check(received);
      return received;
    },
    drop: (value) => isBuffer(value) && value.close(),
  });
}

function isBuffer(value: unknown): value is SharedBuffer {
  return typeof value === 'object' && value !== null && 'copyOut' in value && 'unsafeBytes' in value && 'mode' in value;
}

/**
 * A capability: what is given is a `service(I, implementation)`, or a remote of somebody else's, which is moved; what arrives is
 * a remote. An interface that names itself is given as a function: `t.remote(() => Folder)`.
 */
export function remote<M extends Members>(
  target: Interface<M> | (() => Interface<M>),
): Type<ServiceOf<M> | RemoteOf<M>, RemoteOf<M>> {
  const find = typeof target === 'function' ? target : () => target;
  if (typeof target !== 'function' && !isInterface(target)) {
    throw new InvalidArgument('t.remote(): give it what defineInterface() made');
  }
  return makeType<ServiceOf<M> | RemoteOf<M>, RemoteOf<M>>({
    // By name, which is enough: the interfaces that are named are part of the description.
    text: () => `remote(${find().name})`,
    least: 1,
    write(writer, value) {
      const remote = passableOf(value);
      const given = remote ?? (isExportable(value) ? value : undefined);
      if (given === undefined)
        throw new Mismatch(`${shown(value)} is no service and no remote: give it service(${find().name}, …)`);
      if (given.interface !== find())
        throw new Mismatch(
          `it is a ${remote === undefined ? 'service' : 'remote'} of ${given.interface.name}, not of ${find().name}`,
        );
      putIndex(writer, (handles) => (remote === undefined ? handles.putExport(given) : handles.putRemote(given)));
    },
    // A service stays the application's; a remote that is not sent, or that nobody takes, is let go of.
    drop: (value) => isRemote(value) && value[Symbol.dispose](),
    read: (reader) => reader.claims().takeRemote(takeIndex(reader), find()) as RemoteOf<M>,
    interfaces: [find],
  });
}

function isExportable(value: unknown): value is Exportable {
  return typeof value === 'object' && value !== null && 'interface' in value && isInterface(value.interface);
}

function isRemote(value: unknown): value is Disposable {
  return typeof value === 'object' && value !== null && Symbol.dispose in value && !isExportable(value);
}

function putIndex(writer: Writer, put: (handles: OutgoingHandles) => number): void {
  const at = writer.take(1);
  writer.bytes[at] = put(writer.handles);
}

function takeIndex(reader: Reader): number {
  return reader.bytes[reader.take(1)] ?? -1;
}
