import type { Comms } from '../protocols/comms.js';
import { encodeFilter, type Hello, parseHello, PROTOCOL_VERSION } from '../protocols/handshake.js';
import { Tag } from '../protocols/tags.js';

/** The sandboxee cannot go through the gate; the message is fit to be shown. */
export class GateError extends Error {
  override readonly name = 'GateError';

  constructor(
    /** E.g. `gate:versions`. */
    readonly step: string,
    message: string,
    readonly hint: string,
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
 * Sends the filter, and returns the listener once the sandboxee has closed its own copy of it.
 *
 * @param flags SECCOMP_FILTER_FLAG_*
 */
export async function exchangeFilter(comms: Comms, flags: number, program: Uint8Array): Promise<number> {
  await comms.sendControl(Tag.Filter, encodeFilter({ flags, program }));
  const { fd: listener } = await comms.recvControl(Tag.Listener);
  if (listener === undefined) throw new GateError('gate:listener', 'the sandboxee sent no listener', '');
  try {
    await comms.recvControl(Tag.Sealed);
    return listener.release();
  } catch (error) {
    listener.close();
    throw error;
  }
}
