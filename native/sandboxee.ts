/** The unsafe surface of the sandboxee's addon. */

import { createRequire } from 'node:module';
import { addonPath } from './locate.js';
import { bindShared, type SharedBinding } from './shared.js';

export interface SandboxeeBinding extends SharedBinding {
  /**
   * Installs the filter on every thread, sends the listener with `listenerFrame`, closes its own copy, and sends
   * `sealedFrame`: one synchronous call with nothing in between. An ESRCH error names a thread that has a filter of its
   * own; then nothing was installed.
   *
   * @param program sock_filter[], little-endian
   * @param flags SECCOMP_FILTER_FLAG_*, NEW_LISTENER among them
   */
  enterGate(
    commsFd: number,
    program: Uint8Array,
    flags: number,
    listenerFrame: Uint8Array,
    sealedFrame: Uint8Array,
  ): void;
}

export const binding: SandboxeeBinding = createRequire(import.meta.url)(addonPath('sandboxee'));
bindShared('sandboxee', binding);

export const { enterGate } = binding;
