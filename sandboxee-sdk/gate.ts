import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../native/locate.js';
import * as native from '../native/sandboxee.js';
import { BlockingComms } from '../protocols/blocking-comms.js';
import { offeredPeer, requirePeer } from '../protocols/calls/offer.js';
import type { Peer } from '../protocols/calls/peer.js';
import { BlockingEndpointTransport } from '../protocols/endpoint-transport.js';
import { SallyportError } from '../protocols/errors.js';
import { COMMS_VARIABLE } from '../protocols/fd-names.js';
import { encodeFrame } from '../protocols/frames.js';
import { COMMS_FD, encodeGateFailure, encodeHello, PROTOCOL_VERSION, parseFilter } from '../protocols/handshake.js';
import { MappedBuffers } from '../protocols/mapped-buffer.js';
import { loadEncoder } from '../protocols/msgpack-encode.js';
import type { CallOptions } from '../protocols/schema/members.js';
import type { BufferMode, SharedBuffer } from '../protocols/shared-buffer.js';
import { Tag } from '../protocols/tags.js';

/** The sandboxee's side of its gate, after it has shut. */
export interface Gate extends Disposable, Pick<Peer, 'serve' | 'connect' | 'usage' | 'closed'> {
  /** Typed values, fds and shared buffers, in order; also in forms that block. */
  readonly comms: BlockingComms;
  /**
   * Shared memory, which only the broker can make (`mode`: default `writable`); owned by the caller until it is sent, closed or disposed of.
   *
   * @param size bytes
   * @throws BufferQuota where the broker's limit for this sandboxee is used up
   */
  requestBuffer(size: number, mode?: BufferMode): Promise<SharedBuffer>;
  /**
   * Calls a method of a remote and blocks this thread until the broker has answered, as for code that cannot wait otherwise:
   * `gate.callSync(files.read, { name })`. Takes what the method takes, and throws what it would reject with; a signal is looked at
   * before the call alone. What arrives meanwhile is kept, and its handlers and listeners run afterwards.
   */
  callSync<Input extends readonly [input?: unknown, options?: CallOptions], Output>(
    method: (...given: Input) => Promise<Output>,
    ...given: Input
  ): Output;
  /** Ends the channel. The fd itself stays: its number is reserved. */
  close(): void;
}

export interface GateOptions {
  /**
   * Speaks with the broker's hook `started` while this process is still trusted, and not filtered. Data that neither side
   * receives before both are done fails the gate. What `calls` serves of the phase `start-up` may be called until the hook is
   * done, also when this has returned; what is called by it must be answered before the hook is done.
   */
  readonly before?: (comms: BlockingComms, calls: Pick<Gate, 'serve' | 'connect' | 'callSync'>) => void | Promise<void>;
}

let entered = false;

// In every thread that imports this: behind the gate no file can be loaded.
loadEncoder();

/**
 * Shuts the gate behind this process: from when it resolves on, every thread is filtered, and the process is untrusted.
 * Load and warm up everything before; call it once.
 *
 * @throws SallyportError (`ERR_SALLYPORT_GATE`) where the process was not started by `launch()`, or this was called before
 * @throws the system call's error where the filter cannot be installed: the broker is told, and ends the process
 */
export async function sandboxMeHere({ before }: GateOptions = {}): Promise<Gate> {
  if (entered) throw new SallyportError('ERR_SALLYPORT_GATE', 'sandboxMeHere() was called before: a gate shuts once');
  entered = true;
  const comms = openComms(before === undefined ? 'handshake' : 'start-up');
  const peer = offeredPeer(comms);
  await comms.sendControl(
    Tag.Hello,
    encodeHello({ protocol: PROTOCOL_VERSION, sdk: ownVersion(), node: process.version, pid: process.pid }),
  );
  // While the broker answers.
  comms.flush();
  warmUp();
  const calls: Pick<Gate, 'serve' | 'connect' | 'callSync'> = {
    serve: (target, implementation) => requirePeer(peer).serve(target, implementation),
    connect: (target) => requirePeer(peer).connect(target),
    callSync: (method, ...given) => requirePeer(peer).callSync(method, ...given),
  };
  await before?.(comms, calls);
  const { payload } = await comms.recvControl(Tag.Filter);
  comms.startUpOver();
  enter(comms, payload);
  await comms.recvControl(Tag.Go);
  return {
    comms,
    ...calls,
    usage: () => requirePeer(peer).usage(),
    closed: comms.closed,
    requestBuffer: (size, mode) => comms.requestBuffer(size, mode),
    close: () => comms.close(),
    [Symbol.dispose]: () => comms.close(),
  };
}

function commsFd(): number {
  return Number(process.env[COMMS_VARIABLE] ?? COMMS_FD);
}

function openComms(phase: 'handshake' | 'start-up'): BlockingComms {
  try {
    const transport = new BlockingEndpointTransport(commsFd(), { keepFd: true });
    return new BlockingComms(transport, {
      role: 'sandboxee',
      phase,
      buffers: new MappedBuffers(),
      ring: { kind: 'accept' },
    }).start();
  } catch (cause) {
    throw new SallyportError(
      'ERR_SALLYPORT_GATE',
      `fd ${commsFd()} is no channel: sandboxMeHere() works only in a process that launch() of sallyport started`,
      { cause },
    );
  }
}

/** Node makes these streams when they are first used, with syscalls that the policy does not allow. */
function warmUp(): void {
  void process.stdout;
  void process.stderr;
  // Node's own handler would start an inspector, whose socket is a violation: anybody's signal could end the sandboxee.
  process.on('SIGUSR1', () => {});
}

function enter(comms: BlockingComms, payload: Buffer): void {
  const { flags, program } = parseFilter(payload);
  const nothing = new Uint8Array(0);
  try {
    native.enterGate(commsFd(), program, flags, encodeFrame(Tag.Listener, nothing), encodeFrame(Tag.Sealed, nothing));
  } catch (error) {
    comms.sendControlSync(Tag.GateFailed, encodeGateFailure(failureOf(error)));
    throw error;
  }
}

function failureOf(error: unknown): { step: string; errno: number; message: string } {
  const errno = error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return { step: 'filter', errno, message: error instanceof Error ? error.message : String(error) };
}

function ownVersion(): string {
  const text = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
  const { version }: { version?: unknown } = JSON.parse(text);
  return typeof version === 'string' ? version : '';
}
