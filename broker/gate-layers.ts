import { type Layer, off, on } from './layers.js';
import type { Preparation } from './preparation.js';

/** What the kernel says of speculation in the sandboxee, in the words of /proc/PID/status. */
export interface SpeculationStatus {
  readonly storeBypass: string;
  readonly indirectBranch: string;
}

/** The layers that are known to be in force, or not, only once the sandboxee is through the gate. */
export function gateLayers(filtersBefore: number, speculation: SpeculationStatus, preparation: Preparation): Layer[] {
  const { policy } = preparation;
  const below = filtersBefore === 1 ? 'one filter' : `${filtersBefore} filters`;
  return [
    speculationLayer(speculation, preparation.speculationControls),
    policy.onlyLogs
      ? off('seccomp', `policy '${policy.name}' only logs what no rule decides: dangerouslyPermitAllAndLog`)
      : on('seccomp', `policy '${policy.name}' in every thread, on top of ${below}`),
    verificationLayer(preparation),
  ];
}

function verificationLayer({ mode, inspectable }: Preparation): Layer {
  if (mode === 'exec') return on('verification', 'filter and no_new_privs were looked at before its first instruction');
  if (inspectable) return on('verification', 'threads, processes, maps and open files were looked through before go');
  return off(
    'verification',
    'the broker is root without CAP_SYS_PTRACE: threads and processes were looked through before go, maps and open files could not be; docker run --cap-add SYS_PTRACE',
  );
}

const MITIGATED = new Set([
  'not vulnerable',
  'thread force mitigated',
  'globally mitigated',
  'not affected',
  'conditional force disabled',
  'always disabled',
]);

/** The launcher asks for it, and passes over what processor or kernel do not offer: only the kernel can say what came of it. */
function speculationLayer({ storeBypass, indirectBranch }: SpeculationStatus, asked: boolean): Layer {
  if (!asked) return off('speculation', 'allowed by the token dangerouslyAllowSpeculation');
  const words = `store bypass: ${storeBypass}; indirect branches: ${indirectBranch}`;
  if (MITIGATED.has(storeBypass) && MITIGATED.has(indirectBranch)) return on('speculation', words);
  return off('speculation', `this kernel or processor offers no control of it: ${words}`);
}
