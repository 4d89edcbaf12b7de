import { join } from 'node:path';

/** One mounted tree of control groups, and the broker's own place in it. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** What the tree controls, as the kernel names it; of version 2 each group says for itself. */
  readonly controllers: readonly string[];
  /** The folder of the topmost group that is visible. */
  readonly top: string;
  /** The folder of the group that the broker is in. */
  readonly own: string;
}

/**
 * @param mountinfo of `/proc/self/mountinfo`
 * @param cgroups of `/proc/self/cgroup`
 */
export function parseHierarchies(mountinfo: string, cgroups: string): Hierarchy[] {
  const mounts = mountinfo.split('\n').flatMap((line) => parseMount(line) ?? []);
  return cgroups.split('\n').flatMap((line) => {
    const [, names = '', path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    const version = names === '' ? 2 : 1;
    const controllers = names.split(',').filter(Boolean);
    // A tree can be mounted several times, parts of it too: any place that shows the broker's own group will do.
    for (const mount of mounts) {
      if (mount.version !== version || !controllers.every((name) => mount.options.includes(name))) continue;
      const own = beneath(mount, path);
      if (own !== undefined) return [{ version, controllers, top: mount.point, own }];
    }
    return [];
  });
}

interface CgroupMount {
  readonly version: 1 | 2;
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
}

/** `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER_OPTIONS`, proc(5). */
function parseMount(line: string): CgroupMount | undefined {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root, point] = before.split(' ').map(unescapeOctal);
  const [type, , options = ''] = after.split(' ');
  if (root === undefined || point === undefined) return undefined;
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined;
  return { version: type === 'cgroup' ? 1 : 2, root, point, options: options.split(',') };
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function beneath({ root, point }: CgroupMount, path: string): string | undefined {
  // Above the root of the cgroup namespace, where nothing can be reached.
  if (path.split('/').includes('..') || root.split('/').includes('..')) return undefined;
  if (path === root) return point;
  if (root === '/') return join(point, path);
  return path.startsWith(`${root}/`) ? join(point, path.slice(root.length)) : undefined;
}
