/** What `sallyport run` shows of the host without being asked, and what it puts in its place: tables, with reasons. */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MiB } from '../../protocols/units.js';
import type { Reader } from '../plan/visible.js';

/** Programs and libraries: what a distribution puts there is the same for everybody. */
export const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** Of /etc what programs need to run, and nothing that is written for this host, its users or its network. */
const SETTINGS: readonly { readonly path: string; readonly why: string }[] = [
  { path: '/etc/ld.so.cache', why: 'where libraries are' },
  { path: '/etc/ld.so.conf', why: 'the same' },
  { path: '/etc/ld.so.conf.d', why: 'the same' },
  { path: '/etc/alternatives', why: 'which of several programs a name in /usr/bin stands for' },
  { path: '/etc/localtime', why: 'the time zone' },
  { path: '/etc/timezone', why: 'the time zone, for Java and ICU' },
  { path: '/etc/locale.alias', why: 'names of locales' },
  { path: '/etc/os-release', why: 'which distribution it is' },
  { path: '/etc/debian_version', why: 'which distribution it is' },
  { path: '/etc/ssl/certs', why: 'certificate authorities' },
  { path: '/etc/ssl/openssl.cnf', why: 'OpenSSL does not start without it' },
  { path: '/etc/pki/tls/certs', why: 'certificate authorities (Fedora)' },
  { path: '/etc/pki/tls/openssl.cnf', why: 'OpenSSL (Fedora)' },
  { path: '/etc/pki/ca-trust/extracted', why: 'certificate authorities (Fedora)' },
  { path: '/etc/crypto-policies', why: 'OpenSSL and GnuTLS (Fedora)' },
  { path: '/etc/fonts', why: 'fontconfig: text in pictures' },
  { path: '/etc/ImageMagick-6', why: 'what convert may do' },
  { path: '/etc/ImageMagick-7', why: 'what convert may do' },
  { path: '/etc/mime.types', why: 'kinds of files' },
  { path: '/etc/magic', why: 'kinds of files, for file' },
  { path: '/etc/magic.mime', why: 'kinds of files, for file' },
  { path: '/etc/terminfo', why: 'what the terminal can do' },
  { path: '/etc/inputrc', why: 'keys of the command line' },
  { path: '/etc/bash.bashrc', why: 'the prompt' },
  { path: '/etc/perl', why: 'Perl' },
  { path: '/etc/python3', why: 'Python (Debian)' },
  { path: '/etc/protocols', why: 'names of protocols' },
  { path: '/etc/services', why: 'names of ports' },
  { path: '/etc/shells', why: 'which shells there are' },
  { path: '/etc/papersize', why: 'Ghostscript' },
  { path: '/sys/devices/system/cpu/online', why: 'how many threads a pool has' },
  { path: '/sys/devices/system/cpu/possible', why: 'the same' },
];

export const SHOWN_WHERE_PRESENT: readonly string[] = [...SYSTEM_FOLDERS, ...SETTINGS.map(({ path }) => path)];

/** Beside /dev/null, zero, random and urandom. */
export const DEVICES = ['/dev/full'];
export const TERMINAL_DEVICES = ['/dev/tty'];

export const SYMLINKS = [
  { at: '/dev/fd', text: '/proc/self/fd' },
  { at: '/dev/stdin', text: '/proc/self/fd/0' },
  { at: '/dev/stdout', text: '/proc/self/fd/1' },
  { at: '/dev/stderr', text: '/proc/self/fd/2' },
];

export const HOME = '/tmp';

/** Bytes. They are memory that `--memory` does not count. */
export const TMPFS_SIZES: Readonly<Record<string, number>> = { '/tmp': 256 * MiB, '/dev/shm': 64 * MiB };

/** In place of the host's, which name its users and its network. */
export function ownFiles({ uid, gid }: Reader): Readonly<Record<string, string>> {
  return {
    '/etc/passwd': `root:x:0:0:root:/:/bin/sh\nsandboxee:x:${uid}:${gid}:sandboxee:${HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
    '/etc/group': `root:x:0:\nsandboxee:x:${gid}:\nnogroup:x:65534:\n`,
    '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 sandboxee\n',
    '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
  };
}

/** The folder of this version of Node where it has one of its own, as version managers make them; else nothing. */
export function nodePrefix(execPath: string): string | undefined {
  const bin = dirname(execPath);
  const prefix = dirname(bin);
  const isOwn = bin === join(prefix, 'bin') && prefix.split('/').length > 2 && !isSystem(prefix);
  return isOwn && isFolder(join(prefix, 'include', 'node')) ? prefix : undefined;
}

export function isSystem(path: string): boolean {
  return SYSTEM_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
