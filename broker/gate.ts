import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { Comms } from '../protocols/comms.js';
import {
  encodeFilter,
  type GateFailure,
  type Hello,
  PROTOCOL_VERSION,
  parseGateFailure,
  parseHello,
} from '../protocols/handshake.js';
import { Tag } from '../protocols/tags.js';
import { escapeText } from '../protocols/text.js';
import { OUTER_LISTENER } from './hints.js';
import { errnoName } from './kernel-names.js';

const { EBUSY, ESRCH } = constants.errno;

/** The sandboxee cannot go through the gate; the message is fit to be shown. */
export class GateError extends Error {
  override readonly name = 'GateError';

  constructor(
    /** E.g. `gate:versions`. */
    readonly step: string,
    message: string,
    readonly hint = '',
    /** A name such as `ESRCH`, or empty where no syscall failed. */
    readonly errno = '',
  ) {
    super(message);
  }
}

/** First message of a sandboxee: who it is. */
export async function receiveHello(comms: Comms): Promise<Hello> {
  const { payload } = await comms.recvControl(Tag.Hello);
  const hello = parseHello(payload);
  if (hello.protocol !== PROTOCOL_VERSION) {
    throw new GateError(
      'gate:versions',
      `the sandboxee speaks version ${hello.protocol} of the protocol, the broker ${PROTOCOL_VERSION}`,
      'let both resolve the same sallyport package',
    );
  }
  return hello;
}

/**
 * Sends the filter, and returns the listener. The sandboxee still has its own copy: see `receiveSeal`.
 *
 * @param flags SECCOMP_FILTER_FLAG_*
 */
export async function exchangeFilter(comms: Comms, flags: number, program: Uint8Array): Promise<number> {
  await comms.sendControl(Tag.Filter, encodeFilter({ flags, program }));
  const { tag, payload, fd: listener } = await comms.recvControl(Tag.Listener, { otherTag: Tag.GateFailed });
  if (tag === Tag.GateFailed) throw installError(parseGateFailure(payload));
  if (listener === undefined) throw new GateError('gate:listener', 'the sandboxee sent no listener');
  try {
    requireListener(listener.number);
    return listener.release();
  } catch (error) {
    listener.close();
    throw error;
  }
}

/** The sandboxee has closed its copy of the listener; it is filtered, so that the monitor must answer meanwhile. */
export async function receiveSeal(comms: Comms): Promise<void> {
  await comms.recvControl(Tag.Sealed);
}

const INSTALL_HINTS: ReadonlyMap<number, string> = new Map([
  [ESRCH, 'no thread may install a seccomp filter before the gate'],
  [EBUSY, OUTER_LISTENER],
]);

function installError({ step, errno, message }: GateFailure): GateError {
  const hint = INSTALL_HINTS.get(errno) ?? '';
  return new GateError(`gate:${step}`, escapeText(message, { max: 1024 }), hint, errno === 0 ? '' : errnoName(errno));
}

/** Any other fd would leave the sandboxee's refused syscalls without an answer, and the broker without a report. */
export function requireListener(fd: number): void {
  const target = readlinkSync(`/proc/self/fd/${fd}`);
  if (target === 'anon_inode:seccomp notify') return;
  throw new GateError('gate:listener', `the sandboxee sent ${JSON.stringify(target)} for its listener`);
}
