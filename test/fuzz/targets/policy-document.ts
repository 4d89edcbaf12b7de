import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PolicyError } from '../../../broker/policy/errors.js';
import { Policy } from '../../../broker/policy/policy.js';
import { packageRoot } from '../corpus.js';
import { type FuzzTarget, mustHold } from '../target.js';

/** Any text is a policy or a PolicyError, and a policy written down is the same policy. */
export const policyDocument: FuzzTarget = {
  name: 'policy-document',
  most: 4096,
  words: [
    '{"call":"',
    '"rules":[',
    '"preset":"node"',
    '"name":"x"',
    '"allowPipe"',
    '"intersection":[',
    '"syscall":"uname"',
    '"errno":"EPERM"',
    '"arch":"x64"',
    '"__proto__":',
    '[',
    ']',
    '{',
    '}',
    ',',
    '1e999',
    '-0',
    '"\\u0000"',
    '"defaultAction":',
    '"filesystem":',
    'null',
    '"bpf"',
    '"program":["return ALLOW"]',
  ],
  seeds: () => [
    readFileSync(join(packageRoot, 'test/policy/fixtures/everything.json')).subarray(0, 4096),
    readFileSync(join(packageRoot, 'examples/tool/convert.policy.json')).subarray(0, 4096),
    Buffer.from(
      '{"name":"x","preset":"node","rules":["allowPipe",{"call":"blockSyscallWithErrno","syscall":"uname","errno":"EPERM"}]}',
    ),
    Buffer.from('{"intersection":[{"name":"a","preset":"node"},{"name":"b","rules":["allowExit"]}]}'),
  ],
  run: (input) => {
    const policy = parsed(input.toString('utf8'));
    if (policy === undefined) return;
    const written = JSON.stringify(policy.toJSON());
    const again = parsed(written);
    mustHold(again !== undefined, `it cannot be read again: ${written}`);
    mustHold(JSON.stringify(again.toJSON()) === written, `it is written in two ways: ${written}`);
  },
};

function parsed(text: string): Policy | undefined {
  try {
    return Policy.parse(text);
  } catch (error) {
    if (error instanceof PolicyError) return undefined;
    throw error;
  }
}
