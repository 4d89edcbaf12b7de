import { launch, node, policies, type Sandboxee } from '../../broker/index.js';
import type { LaunchOptions } from '../../broker/launch-options.js';
import type { BlockingComms } from '../../protocols/blocking-comms.js';
import type { Filter } from '../../protocols/handshake.js';
import type { Tag } from '../../protocols/tags.js';
import type { sandboxMeHere } from '../../sandboxee-sdk/index.js';
import { attackAddon } from '../support/build.js';
import type { Attack } from '../support/puppet.js';
import { demandedTier } from '../support/tier.js';
import type { Tasks } from './support.js';

/** The pieces of `sandboxMeHere()`, one by one, for a function that runs inside; nothing of the test's scope is there. */
export interface RogueKit {
  readonly attack: Attack;
  readonly tasks: Tasks;
  readonly Tag: typeof Tag;
  readonly sandboxMeHere: typeof sandboxMeHere;
  comms(): BlockingComms;
  hello(protocol?: number): Promise<void>;
  filter(): Promise<Filter>;
  /** seccomp(2), with flags of the caller's choice: the listener, or -errno. */
  install(program: Uint8Array, flags: number): number;
  /** Gives the fd away. */
  sendListener(fd: number): void;
  sendSealed(): void;
  go(): Promise<void>;
  frame(tag: number, payload?: Uint8Array): Buffer;
  /** Bytes on the comms socket as they are. */
  raw(bytes: Uint8Array): number;
}

const script = new URL('./fixtures/rogue.js', import.meta.url);

export function launchRogue(
  action: (kit: RogueKit) => unknown,
  options: Partial<LaunchOptions> = {},
): Promise<Sandboxee> {
  const [attack, tasks] = [attackAddon(), attackAddon('gate-tasks')];
  const executor = node(script, { args: [action.toString(), attack, tasks], read: [attack, tasks] });
  return launch(executor, { policy: policies.node().build(), ...demandedTier, ...options });
}
