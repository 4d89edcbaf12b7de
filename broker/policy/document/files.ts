/** The words about files, as a document writes them. */
import type { FileStatement, FileWord } from '../file-statements.js';
import {
  dangerouslyAllowUnrestrictedNetworking,
  dangerouslyAllowWriteExecutable,
  tokenName,
  type UnrestrictedNetworking,
  type WriteExecutable,
} from '../tokens.js';
import type { Json, JsonObject } from './json.js';
import { call, converted, flag, list, object, oneOf, optional, required, type Shape, text } from './shape.js';
import { size } from './values.js';

const place = required(text('an absolute path'));
const writable = optional(flag);

const networking: Shape<UnrestrictedNetworking> = converted(
  oneOf(['dangerouslyAllowUnrestrictedNetworking']),
  () => dangerouslyAllowUnrestrictedNetworking,
);
const execution: Shape<WriteExecutable> = converted(
  oneOf(['dangerouslyAllowWriteExecutable']),
  () => dangerouslyAllowWriteExecutable,
);

export const FILE_CALLS = {
  addFile: object('addFile', { call: call('addFile'), path: place, writable }),
  addFileAt: object('addFileAt', { call: call('addFileAt'), outside: place, inside: place, writable }),
  addFileIfExists: object('addFileIfExists', { call: call('addFileIfExists'), path: place, writable }),
  addDirectory: object('addDirectory', { call: call('addDirectory'), path: place, writable }),
  addDirectoryAt: object('addDirectoryAt', { call: call('addDirectoryAt'), outside: place, inside: place, writable }),
  addDirectoryIfExists: object('addDirectoryIfExists', { call: call('addDirectoryIfExists'), path: place, writable }),
  addTmpfs: object('addTmpfs', { call: call('addTmpfs'), inside: place, size: required(size) }),
  addLibrariesForBinary: object('addLibrariesForBinary', {
    call: call('addLibrariesForBinary'),
    path: place,
    libraryPath: optional(list(text('an absolute path, or one that begins with $ORIGIN'), 'a list of folders')),
  }),
  setRootWritable: object('setRootWritable', { call: call('setRootWritable'), size: optional(size) }),
  setHostname: object('setHostname', { call: call('setHostname'), hostname: required(text('the name of a host')) }),
  setWorkingDirectory: object('setWorkingDirectory', { call: call('setWorkingDirectory'), path: place }),
  allowUnrestrictedNetworking: object('allowUnrestrictedNetworking', {
    call: call('allowUnrestrictedNetworking'),
    token: required(networking),
  }),
  allowWriteExecutable: object('allowWriteExecutable', {
    call: call('allowWriteExecutable'),
    token: required(execution),
  }),
} as const satisfies Readonly<Record<FileWord, Shape<FileStatement>>>;

export function writeFiles({ call: name, ...values }: FileStatement): JsonObject {
  const written = Object.entries(values).flatMap(([key, value]): [string, Json][] =>
    value === undefined ? [] : [[key, typeof value === 'symbol' ? (tokenName(value) ?? '') : value]],
  );
  return { call: name, ...Object.fromEntries(written) };
}
