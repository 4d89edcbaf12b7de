import { closeSync, writeSync } from 'node:fs';
import * as native from '../native/broker.js';
import { Seal } from '../native/shared.js';
import { Fd } from '../protocols/fd.js';

/**
 * A file in memory that nobody can change any more, for `fromFd()` or to be passed on. Owned by the caller.
 *
 * @throws the system call's error where there is no memory or the host lets no memory be executed (sysctl vm.memfd_noexec)
 */
export function memoryFile(bytes: Uint8Array, { executable = false }: { readonly executable?: boolean } = {}): Fd {
  const fd = native.createMemory('sallyport-file', bytes.length, { executable });
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
    native.seal(fd, Seal.Seal | Seal.Shrink | Seal.Grow | Seal.Write);
    return Fd.adopt(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
