import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Layer, LayerName } from '../../broker/index.js';
import { attackProgram, preloadLibrary } from '../support/build.js';

/** What a broker on such a host had to tell. */
export type Report =
  | { readonly status: 'launched'; readonly layers: readonly Layer[]; readonly end?: string }
  | { readonly status: 'option'; readonly option: string; readonly message: string }
  | {
      readonly status: 'setup-error';
      readonly step: string;
      readonly errno: string;
      readonly detail: string;
      readonly hint: string;
    }
  | { readonly status: 'other'; readonly message: string };

export type Reported = Report & { readonly leaks: readonly string[] };

/** A word of test/native/host.c. */
export type Refusal = 'no-namespaces' | 'no-landlock' | 'listener' | 'no-ptrace' | 'masked-proc';

const broker = fileURLToPath(new URL('./fixtures/broker.js', import.meta.url));
const run = promisify(execFile);

export interface HostOptions {
  /** Launch a puppet, one whose policy resolves paths, or test/native/beyond.c. */
  readonly what?: 'puppet' | 'paths' | 'beyond';
  readonly tier: 'full' | 'base' | 'at-least-base';
  /** As if the kernel's Landlock were of that ABI. */
  readonly landlockAbi?: number;
  /** The broker's RLIMIT_NOFILE, once it is loaded: with 64 Node could not even load it. */
  readonly openFiles?: number;
}

/** Launches twice on a host that refuses this, in a process of its own, and tells of the second. */
export async function onHost(refusals: readonly Refusal[], options: HostOptions): Promise<Reported> {
  const { what = 'puppet', tier, landlockAbi, openFiles } = options;
  attackProgram('beyond');
  const preload =
    landlockAbi === undefined ? {} : { LD_PRELOAD: preloadLibrary('landlock-abi'), LANDLOCK_ABI: String(landlockAbi) };
  const args = [
    ...refusals,
    '--',
    process.execPath,
    broker,
    what,
    tier,
    ...(openFiles === undefined ? [] : [String(openFiles)]),
  ];
  const { stdout } = await run(attackProgram('host'), args, { env: { ...process.env, ...preload } });
  return JSON.parse(stdout) as Reported;
}

export function layerOf(report: Reported, name: LayerName): Layer {
  const layer = report.status === 'launched' ? report.layers.find((each) => each.name === name) : undefined;
  if (layer === undefined) throw new Error(`nothing is said of ${name}: ${JSON.stringify(report)}`);
  return layer;
}
