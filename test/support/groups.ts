import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Controller } from '../../broker/cgroup/controllers.js';
import { cgroupFindings } from '../../broker/cgroup/places.js';
import { groupFolders, namesIn } from '../../broker/cgroup/sweep.js';

/** Why this host, or this user, has no group with that controller; undefined where there is one. */
export function noController(controller: Controller | 'kill'): string | undefined {
  const finding = cgroupFindings()[controller];
  return finding.state === 'off' ? finding.reason : undefined;
}

/** Those that the broker with that pid has made, in every tree. */
export function groupsMadeBy(pid: number): string[] {
  return groupFolders().flatMap((folder) =>
    namesIn(folder)
      .filter((name) => name.split('-')[1] === String(pid))
      .map((name) => join(folder, name)),
  );
}

/** Those that a process is in, as the kernel says, e.g. `memory:/sallyport/1-2-3-4`. */
export function groupsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .filter((line) => line.includes('/sallyport/'))
    .map((line) => line.slice(line.indexOf(':') + 1));
}
