/** What a policy says of files, in words. */
import { comparePaths } from '../paths.js';
import type { FileGrant, FilesystemPolicy } from './filesystem.js';

/** Lines of a page, for `overview.ts`; none where nothing is said. */
export function describeFiles(filesystem: FilesystemPolicy): readonly string[] {
  const { hostname, workingDirectory, network } = filesystem;
  return [
    ...titled('visible, read-only', [...grantLines(filesystem, 'read'), ...libraryLines(filesystem)]),
    ...titled('writable', [...grantLines(filesystem, 'write'), ...memoryLines(filesystem)]),
    ...titled('hidden, since only one of the policies shows it', [...filesystem.hidden].sort(comparePaths)),
    ...titled(
      'can be written and then run',
      filesystem.writeExecutable ? ['everything writable: allowWriteExecutable()'] : [],
    ),
    ...titled('name of the host', hostname === undefined ? [] : [hostname]),
    ...titled('working directory', workingDirectory === undefined ? [] : [workingDirectory]),
    ...titled('network', network === 'none' ? [] : ['that of the host: allowUnrestrictedNetworking()']),
  ];
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${line}`)];
}

function grantLines({ grants }: FilesystemPolicy, access: FileGrant['access']): readonly string[] {
  return grants
    .filter((grant) => grant.access === access)
    .sort((a, b) => comparePaths(a.inside, b.inside))
    .map(describeGrant);
}

export function describeGrant({ kind, inside, outside, presence }: FileGrant): string {
  const whole = kind === 'directory' ? `${inside}, with all that is in it` : inside;
  const from = outside === inside ? '' : `, which is ${outside} of the host`;
  return `${whole}${from}${presence === 'optional' ? ', if there is one' : ''}`;
}

function libraryLines({ libraries }: FilesystemPolicy): readonly string[] {
  return libraries.map(({ path, within }) => {
    const common = within.length === 0 ? '' : ', as far as the other policies show them';
    return `the libraries that ${path} links${common}`;
  });
}

function memoryLines({ tmpfs, writableRoot }: FilesystemPolicy): readonly string[] {
  const root = writableRoot === undefined ? [] : [{ inside: '/', size: writableRoot }];
  return [...root, ...tmpfs]
    .sort((a, b) => comparePaths(a.inside, b.inside))
    .map(({ inside, size }) => `${inside}, ${size} bytes of memory`);
}
