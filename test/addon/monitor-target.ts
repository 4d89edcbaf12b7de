import { constants } from 'node:os';
import type { Monitor, MonitorOptions, MonitorReport, SyscallRecord, WaitStatus } from '../../native/broker.js';
import { watchPidfd } from '../../native/broker.js';
import { attackProgram } from '../support/build.js';
import { broker, eventually, Peer } from './support.js';

export const AUDIT_ARCH_X86_64 = 0xc000003e;
export const AUDIT_ARCH_I386 = 0x40000003;
export const VIOLATION = -1;
export const NO_PATH = -1;

/** An entry of `answers`. */
export function deny(errno: number, pathArgument?: number): number {
  return pathArgument === undefined ? errno : errno | 0x10000 | (pathArgument << 20);
}

const { SIGKILL } = constants.signals;
const MAX_PATH = 4200;
const ORDER_BYTES = 72 + MAX_PATH;

/** A filter that notifies for some numbers and for every other architecture, and allows the rest. */
export function notifyFor(numbers: readonly number[]): Buffer {
  const LOAD = 0x20;
  const JUMP_IF_EQUAL = 0x15;
  const JUMP_IF_AT_LEAST = 0x35;
  const RETURN = 0x06;
  const ALLOW = 0x7fff0000;
  const NOTIFY = 0x7fc00000;
  const instructions: [number, number, number, number][] = [
    [LOAD, 0, 0, 4],
    [JUMP_IF_EQUAL, 0, numbers.length + 3, AUDIT_ARCH_X86_64],
    [LOAD, 0, 0, 0],
    [JUMP_IF_AT_LEAST, numbers.length + 1, 0, 1000],
    ...numbers.map((number, index): [number, number, number, number] => [
      JUMP_IF_EQUAL,
      numbers.length - index,
      0,
      number,
    ]),
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, NOTIFY],
  ];
  const program = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code, yes, no, operand], index) => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(yes, index * 8 + 2);
    program.writeUInt8(no, index * 8 + 3);
    program.writeUInt32LE(operand, index * 8 + 4);
  });
  return program;
}

export type Order = { path?: string | Buffer; pathArgument?: number; args?: bigint[]; repeat?: number; i386?: boolean };

/** test/native/monitor-target.c, under a filter, with its listener in our hands. */
export class Target {
  readonly #peer: Peer;
  #answers = 0;
  readonly ended: Promise<WaitStatus>;
  alive = true;

  private constructor(
    readonly pid: number,
    readonly pidfd: number,
    readonly listener: number,
    peer: Peer,
  ) {
    this.#peer = peer;
    this.ended = new Promise((resolve, reject) => {
      watchPidfd(pidfd, () => {
        this.alive = false;
        const status = broker.waitPidfd(pidfd);
        if (status === null) reject(new Error('it was said to have ended'));
        else resolve(status);
      });
    });
  }

  static async start(numbers: readonly number[]): Promise<Target> {
    const program = attackProgram('monitor-target');
    const [mine, its] = broker.socketpair();
    const { pid, pidfd } = broker.spawn(program, ['monitor-target'], [0, 2, 2, its]);
    broker.close(its);
    const peer = new Peer(mine);
    peer.endpoint.start();
    const filter = notifyFor(numbers);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(filter.length);
    peer.endpoint.write(Buffer.concat([head, filter]), []);
    await peer.until(1);
    const listener = peer.fds.pop();
    if (listener === undefined) throw new Error('no listener came');
    return new Target(pid, pidfd, listener, peer);
  }

  /** Has it make a syscall, without waiting. */
  order(number: number, { path = '', pathArgument = NO_PATH, args = [], repeat = 1, i386 = false }: Order = {}): void {
    const order = Buffer.alloc(ORDER_BYTES);
    order.writeUInt32LE(i386 ? 1 : 0, 0);
    order.writeUInt32LE(repeat, 4);
    order.writeBigInt64LE(BigInt(number), 8);
    for (const [index, value] of args.entries()) order.writeBigUInt64LE(BigInt.asUintN(64, value), 16 + index * 8);
    order.writeInt32LE(pathArgument, 64);
    Buffer.from(path).copy(order, 72, 0, MAX_PATH - 1);
    this.#peer.endpoint.write(order, []);
    this.#answers++;
  }

  /** The result of the last order: a value, or -errno. */
  async result(patienceMs?: number): Promise<number> {
    const wanted = 1 + this.#answers * 8;
    await eventually(() => this.#peer.byteCount >= wanted, 'the result of a syscall', patienceMs);
    return Number(this.#peer.received.readBigInt64LE(wanted - 8));
  }

  call(number: number, order: Order = {}): Promise<number> {
    this.order(number, order);
    return this.result();
  }

  /** It reads the end of the socket, and exits. */
  dismiss(): void {
    this.#peer.endpoint.shutdown();
  }

  /** Kills where it is not dead yet, and reaps. */
  async dispose(): Promise<void> {
    broker.signalPidfd(this.pidfd, SIGKILL);
    await this.ended;
    broker.close(this.pidfd);
    this.#peer.close();
    await eventually(() => broker.reaperPending() === 0, 'the reaper');
  }
}

/** A monitor, and all that it reported. */
export class Watch {
  readonly monitor: Monitor;
  readonly reports: MonitorReport[] = [];
  /** Each wake-up takes at once, unless a test says otherwise. */
  takes = true;
  wakeUps = 0;

  constructor(target: Target, options: Partial<MonitorOptions> & { answers: Int32Array }) {
    this.monitor = new broker.Monitor(
      {
        listener: target.listener,
        killPidfd: target.pidfd,
        arch: AUDIT_ARCH_X86_64,
        pathArguments: new Int8Array(500).fill(NO_PATH),
        pathDenialIsViolation: false,
        harmlessPaths: [],
        unknownAbove: 470,
        firstExec: null,
        program: new Uint8Array(0),
        holdTime: 0,
        ...options,
      },
      () => {
        this.wakeUps++;
        if (this.takes) this.take();
      },
    );
  }

  take(): MonitorReport {
    const report = this.monitor.take();
    this.reports.push(report);
    return report;
  }

  get denials(): MonitorReport['denials'] {
    return this.reports.flatMap(({ denials }) => denials);
  }

  get violation(): SyscallRecord | null {
    return this.reports.findLast(({ violation }) => violation !== null)?.violation ?? null;
  }
}

/** All violations, but for what is given. */
export function answers(entries: Record<number, number>): Int32Array {
  const table = new Int32Array(500).fill(VIOLATION);
  for (const [number, answer] of Object.entries(entries)) table[Number(number)] = answer;
  return table;
}
