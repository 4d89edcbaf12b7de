import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Fd } from 'sallyport';

/** The files to work on: a folder that was named stands for what lies directly in it, hidden files not. */
export function listPictures(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!isFolder(path)) return [path];
    return readdirSync(path)
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map((name) => join(path, name));
  });
}

/** Opens a picture for the sandboxee. Throws an error whose message says in a few words what is wrong with the file. */
export function openPicture(path: string): Fd {
  const file = openFile(path);
  if (file.size > 0n) return file;
  file.close();
  throw new Error('the file is empty');
}

function openFile(path: string): Fd {
  if (isFolder(path)) throw new Error('a folder; name it by itself to have what lies in it');
  return Fd.open(path, 'r');
}

/** What is not there is no folder: whoever opens it will say so. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Names of thumbnails: that of the picture and `.webp`, and a number where two pictures have the same name. */
export class ThumbnailNames {
  readonly #taken = new Set<string>();

  next(path: string): string {
    const name = basename(path);
    let candidate = `${name}.webp`;
    for (let number = 2; this.#taken.has(candidate); number += 1) candidate = `${name}-${number}.webp`;
    this.#taken.add(candidate);
    return candidate;
  }
}
