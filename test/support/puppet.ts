import type child_process from 'node:child_process';
import type crypto from 'node:crypto';
import type dns from 'node:dns';
import type fs from 'node:fs';
import type net from 'node:net';
import type os from 'node:os';
import type worker_threads from 'node:worker_threads';
import type zlib from 'node:zlib';
import {
  type LaunchOptions,
  launch,
  type NodeOptions,
  node,
  type Policy,
  policies,
  type Sandboxee,
} from '../../broker/index.js';
import type { Gate } from '../../sandboxee-sdk/index.js';
import { attackAddon } from './build.js';
import { demandedTier } from './tier.js';

/** test/native/attack.c */
export interface Attack {
  /** The kernel's value, or -errno. A Buffer stands for its address. */
  syscall(number: number, ...values: (number | bigint | Buffer)[]): number;
  int80(number: number, ...values: number[]): number;
  address(buffer: Buffer): bigint;
  /** Bytes that malloc gave and that were touched, before it gave no more. */
  allocate(bytes: number, step: number): number;
  /** Maps anonymous memory with these flags and touches it; 0 or -errno. */
  map(bytes: number, flags: number): number;
  threads(count: number): number;
  storm(number: number, ...values: (number | bigint | Buffer)[]): number;
  sendWithFds(socket: number, bytes: Buffer, fds: number[]): number;
  /** MAP_SHARED, readable and writable, for good; -errno. */
  mapShared(fd: number, bytes: number): Buffer | number;
  /** A thread that writes random words over the first bytes of the buffer, for ever. */
  scribble(buffer: Buffer, bytes: number, seed: number): number;
}

/** What a function finds that runs inside. Nothing of the test's own scope is there. */
export interface Kit {
  readonly attack: Attack;
  readonly require: NodeJS.Require;
  readonly modules: {
    readonly child_process: typeof child_process;
    readonly crypto: typeof crypto;
    readonly dns: typeof dns;
    readonly fs: typeof fs;
    readonly net: typeof net;
    readonly os: typeof os;
    readonly worker_threads: typeof worker_threads;
    readonly zlib: typeof zlib;
  };
  /** After the gate. */
  gate?: Gate;
  /** Kept from one function to the next. */
  readonly state: Record<string, unknown>;
}

export interface PuppetOptions extends Partial<LaunchOptions> {
  /** Runs inside before the gate. */
  readonly before?: (kit: Kit) => unknown;
  readonly node?: NodeOptions;
}

const script = new URL('../fixtures/puppet.js', import.meta.url);
let defaultPolicy: Policy | undefined;

/** So that one that a failed test has left behind does not keep the suite from ending. Milliseconds. */
const LONGEST_LIFE = 40_000;

export function launchPuppet(options: PuppetOptions = {}): Promise<Sandboxee> {
  const { before, node: nodeOptions = {}, limits, ...launchOptions } = options;
  const addon = attackAddon();
  defaultPolicy ??= policies.node().build();
  const executor = node(script, {
    ...nodeOptions,
    args: [before?.toString() ?? '', addon],
    read: [addon, ...(nodeOptions.read ?? [])],
  });
  return launch(executor, {
    policy: defaultPolicy,
    limits: { wallTime: LONGEST_LIFE, ...limits },
    ...demandedTier,
    ...launchOptions,
  });
}

/** Runs a function inside, after the gate, and waits for what it returns. Values cross as msgpack. */
export async function perform<Values extends unknown[], T>(
  sandboxee: Sandboxee,
  action: (kit: Required<Kit>, ...values: Values) => T | Promise<T>,
  ...values: Values
): Promise<T> {
  await begin(sandboxee, action, ...values);
  const answer = (await sandboxee.comms.recvValue()) as { value: T } | { error: string; code: string };
  if ('error' in answer) throw Object.assign(new Error(answer.error), { code: answer.code });
  return answer.value;
}

/** Starts a function inside, and does not wait: for what ends the sandboxee. */
export async function begin<Values extends unknown[]>(
  sandboxee: Sandboxee,
  action: (kit: Required<Kit>, ...values: Values) => unknown,
  ...values: Values
): Promise<void> {
  await sandboxee.comms.sendString(action.toString());
  await sandboxee.comms.sendValue(values);
}
