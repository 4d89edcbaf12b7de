import { closeSync, constants, openSync, readSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../protocols/error-code.js';
import type { Setting } from './controllers.js';

/** More than any file has that is read here. */
const room = Buffer.allocUnsafe(4096);

export function readGroupFile(group: string, file: string): string {
  const fd = openSync(join(group, file), 'r');
  try {
    return readOpen(fd);
  } finally {
    closeSync(fd);
  }
}

/** As `readGroupFile()`; empty where the kernel has no such file. */
export function readIfThere(group: string, file: string): string {
  try {
    return readGroupFile(group, file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The file is made anew by the kernel at each read from its beginning. */
export function readOpen(fd: number): string {
  return room.toString('latin1', 0, readSync(fd, room, 0, room.length, 0));
}

/** Neither creates nor truncates: where the file is absent, so is what it would set. */
export function writeGroupFile(group: string, file: string, value: string): void {
  const fd = openSync(join(group, file), constants.O_WRONLY);
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether it is in force afterwards: not where the kernel has no such file, and it is optional.
 *
 * @throws where it is not for any other reason
 */
export function applySetting(group: string, { file, value, optional }: Setting): boolean {
  try {
    writeGroupFile(group, file, value);
  } catch (error) {
    if (optional && errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  const found = readGroupFile(group, file).trim();
  if (found !== value) throw new Error(`${join(group, file)} says ${found} after ${value} was written`);
  return true;
}

/** Whether it is gone; not while a process is in it. */
export function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EBUSY') return false;
    if (errorCode(error) === 'ENOENT') return true;
    throw error;
  }
}
