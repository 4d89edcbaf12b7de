/** Canonical absolute paths as text. No file is asked. */

export function isBeneath(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

/** Compares paths so that a folder comes directly before what is in it. */
export function comparePaths(a: string, b: string): number {
  const left = a.replaceAll('/', '\0');
  const right = b.replaceAll('/', '\0');
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Where a path that lies beneath one folder lies when it is shown beneath another. */
export function moved(path: string, from: string, to: string): string {
  return path === from ? to : `${to}${path.slice(from.length)}`;
}

/** The folders above a path, the nearest first, down to /. */
export function foldersAbove(path: string): string[] {
  const found: string[] = [];
  for (let at = path; at !== '/'; ) {
    at = at.slice(0, Math.max(at.lastIndexOf('/'), 1));
    found.push(at);
  }
  return found;
}
