import fs = require('node:fs');
import path = require('node:path');
import url = require('node:url');
import vm = require('node:vm');

interface Pack {
  readonly entry: typeof import('./run.js', { with: { 'resolution-mode': 'import' }});
  readonly script: import('node:vm').Script;
}

/** What scripts/pack-run.mjs made of `run.js` and all that it imports. Throws ENOENT where there is none. */
function loadPack(): Pack {
  const filename = path.join(__dirname, 'run.pack.js');
  const script = new vm.Script(fs.readFileSync(filename, 'latin1'), {
    filename,
    cachedData: cacheOf(path.join(__dirname, 'run.pack.cache')),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return { entry: script.runInThisContext()(require, url.pathToFileURL(__filename).href), script };
}

function cacheOf(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

export = { loadPack };
