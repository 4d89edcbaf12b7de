import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { leakGate } from '../support/leak-gate.js';
import { packageRoot } from './corpus.js';

interface NativeTarget {
  readonly name: string;
  readonly needsClang?: boolean;
}

interface Builder {
  readonly nativeTargets: readonly NativeTarget[];
  /** The path of a program that runs each file that it is given. */
  buildReplay(target: NativeTarget): string;
}

const script = join(packageRoot, 'scripts/fuzz-native.mjs');
const { nativeTargets, buildReplay }: Builder = await import(pathToFileURL(script).href);
const run = promisify(execFile);

function filesIn(folder: string): readonly string[] {
  const path = join(packageRoot, 'test/fuzz', folder);
  return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
}

/** The system's own compiler and sanitizers, so that what was found once is tried where there is no clang as well. */
for (const target of nativeTargets.filter(({ needsClang }) => needsClang !== true)) {
  describe(`the fuzzed native part ${target.name}`, function () {
    this.timeout(60_000);
    leakGate();
    let program = '';

    before(() => {
      program = buildReplay(target);
    });

    it('takes all that is kept in its corpus', () => run(program, [...filesIn(`corpus/${target.name}`)]));

    for (const find of filesIn(`finds/${target.name}`)) {
      it(`is given ${find.slice(find.lastIndexOf('/') + 1).replaceAll('-', ' ')}`, () => run(program, [find]));
    }
  });
}
