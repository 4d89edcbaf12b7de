import { RequestError } from '../../../broker/policy/errors.js';
import { describeRequest, type ExplainRequest, parseRequest } from '../../../broker/policy/requests.js';
import { ARCHITECTURES } from '../../../broker/policy/syscalls/index.js';
import { type FuzzTarget, mustHold } from '../target.js';

const arch = ARCHITECTURES.x64;

/** What is asked of `explain`: a call or a RequestError, and the call as it is shown can be asked, and is the same call. */
export const explainRequest: FuzzTarget = {
  name: 'explain-request',
  most: 300,
  words: [
    'mmap',
    'openat',
    'ioctl',
    '(',
    ')',
    ', ',
    '"',
    '\\"',
    '_',
    'prot=',
    'arg0=',
    'arg5=',
    'AT_FDCWD',
    'PROT_READ|PROT_EXEC',
    'O_RDONLY',
    '-1',
    '0x',
    '18446744073709551615',
    ' ',
    '\n',
    'MAP_SHARED',
    'TCGETS',
    'SIGKILL',
  ],
  seeds: () =>
    [
      'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)',
      'mmap prot=5',
      'mmap(_, _, PROT_READ|PROT_EXEC, MAP_SHARED, -1, 0)',
      'getpid',
      'ioctl(0, TCGETS)',
      'kill(_, SIGKILL)',
    ].map((text) => Buffer.from(text)),
  run: (input) => {
    const asked = parsed(input.toString('latin1'));
    if (asked === undefined) return;
    const shown = describeRequest(asked, arch);
    const again = parsed(shown);
    mustHold(again !== undefined, `it is shown as ${shown}, which cannot be asked`);
    mustHold(
      describeRequest(again, arch) === shown,
      `it is shown as ${shown}, and that as ${describeRequest(again, arch)}`,
    );
    mustHold(again.path === asked.path, `the path ${again.path} was ${asked.path}`);
  },
};

function parsed(text: string): ExplainRequest | undefined {
  try {
    return parseRequest(text, arch);
  } catch (error) {
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}
