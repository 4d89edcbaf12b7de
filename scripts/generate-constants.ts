/**
 * Writes native/include/sallyport/constants.h from the TypeScript tables; with `--check` only says whether it is up to date.
 * Run after tsc: `node dist/scripts/generate-constants.js [--check]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  FIELD_KINDS,
  FIRST_EXEC,
  type FieldKind,
  LIFE_FD,
  OPERATIONS,
  PLAN_FD,
  PLAN_LIMITS,
  PLAN_MAGIC,
  PLAN_VERSION,
} from '../broker/plan/ops.js';
import { OWN_PID } from '../broker/policy/own-pid.js';
import { COMMS_VARIABLE, FDS_VARIABLE } from '../protocols/fd-names.js';
import { COMMS_FD } from '../protocols/handshake.js';
import { FIRST_RESERVED_TAG, Tag } from '../protocols/tags.js';

const HEADER = new URL('../../native/include/sallyport/constants.h', import.meta.url);

function upperCase(name: string): string {
  return snakeCase(name).toUpperCase();
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

function hexadecimal(number: number): string {
  return `0x${number.toString(16).padStart(8, '0')}u`;
}

function shapeOf(fields: Readonly<Record<string, FieldKind>>): string {
  return Object.values(fields)
    .map((kind) => FIELD_KINDS[kind])
    .join('');
}

export function constantsHeader(): string {
  const tags = Object.entries(Tag).map(([name, tag]) => `#define SALLYPORT_TAG_${upperCase(name)} ${hexadecimal(tag)}`);
  const limits = Object.entries({
    SIZE: PLAN_LIMITS.size,
    STEPS: PLAN_LIMITS.steps,
    TEXT: PLAN_LIMITS.text,
    ITEMS: PLAN_LIMITS.items,
  }).map(([name, limit]) => `#define SALLYPORT_PLAN_${name} ${limit}u`);
  const steps = Object.entries(OPERATIONS).map(
    ([name, { op, fields }]) => `    X(${op}, ${snakeCase(name)}, "${shapeOf(fields)}")`,
  );
  return `/* Generated from protocols/tags.ts and broker/plan/ops.ts by scripts/generate-constants.ts: do not edit. */
#ifndef SALLYPORT_CONSTANTS_H
#define SALLYPORT_CONSTANTS_H

/* Frames: {u32 tag, u64 length} little-endian, then the payload. Tags below the first reserved one are the user's. */
#define SALLYPORT_FIRST_RESERVED_TAG ${hexadecimal(FIRST_RESERVED_TAG)}
#define SALLYPORT_COMMS_FD ${COMMS_FD}
#define SALLYPORT_COMMS_VARIABLE "${COMMS_VARIABLE}"
#define SALLYPORT_FDS_VARIABLE "${FDS_VARIABLE}"
${tags.join('\n')}

/* The launcher's plan. */
#define SALLYPORT_PLAN_MAGIC ${hexadecimal(PLAN_MAGIC)}
#define SALLYPORT_PLAN_VERSION ${PLAN_VERSION}u
${limits.join('\n')}
#define SALLYPORT_STEP_FIELDS ${PLAN_LIMITS.fields}
#define SALLYPORT_KEPT_FDS ${PLAN_LIMITS.keptFds}
#define SALLYPORT_FD_NUMBERS ${PLAN_LIMITS.fdNumbers}
#define SALLYPORT_LIFE_FD ${LIFE_FD}
#define SALLYPORT_PLAN_FD ${PLAN_FD}
/* The sixth argument of the one execveat that a monitor admits. */
#define SALLYPORT_FIRST_EXEC ${hexadecimal(FIRST_EXEC)}
/* Stands in a filter for the pid of the program. */
#define SALLYPORT_OWN_PID ${hexadecimal(OWN_PID)}

/* X(number, name, shape): u, i, q numbers of 32 bits, signed, of 64 bits; f 0 or 1; s text; p absolute path; b bytes;
 * S, U, Q lists of texts, of 32-bit and of 64-bit numbers. */
#define SALLYPORT_STEPS(X) \\
${steps.join(' \\\n')}

#endif
`;
}

function main(): void {
  const wanted = constantsHeader();
  if (!process.argv.includes('--check')) {
    writeFileSync(HEADER, wanted);
    return;
  }
  if (readFileSync(HEADER, 'utf8') !== wanted) {
    console.error(
      `${fileURLToPath(HEADER)} is out of date: run \`node dist/scripts/generate-constants.js\` and commit it`,
    );
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
