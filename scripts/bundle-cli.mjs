// Puts what `sallyport run` loads into one file: every confined command waits for it, and Node takes longer to load `run` and
// its hundred modules one by one than the launch itself takes. The modules in dist/broker work by themselves, and are tested.
// Nothing is minified, so that stack traces can be read; that would save next to nothing. What V8 compiles of it is kept by
// cache-cli.mjs.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
/** As deep as dist/native: native/locate.ts goes by its own place. */
const folder = resolve(root, 'dist/cli');
const entry = resolve(folder, 'index.js');

/**
 * An `import` of a part of Node's makes all of its exports ready, streams and promises among those of node:fs, which takes
 * a tenth of the load; `require` makes what is asked for. What is exported here and not used, esbuild drops.
 */
const required = {
  name: 'parts of Node by require',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'node' } : { path, external: true },
    );
    onLoad({ filter: /./, namespace: 'node' }, async ({ path }) => ({ contents: reexport(path, await import(path)) }));
  },
};

/** All functions, which nobody needs at once; to load the first takes a millisecond. */
const LATER_OF_NODE = ['node:fs/promises', 'node:timers/promises'];

function reexport(path, { default: whole, ...parts }) {
  const part = JSON.stringify(path);
  if (LATER_OF_NODE.includes(path)) {
    const functions = Object.keys(parts).filter((name) => typeof parts[name] === 'function');
    return functions.map((name) => `export const ${name} = (...all) => require(${part}).${name}(...all);`).join('\n');
  }
  const exported = Object.keys(parts).map((name) => `export const ${name} = /* @__PURE__ */ (() => whole.${name})();`);
  return [`const whole = require(${part});`, 'export default whole;', ...exported].join('\n');
}

/** They stay where they are: nobody waits for them as often. */
const others = {
  name: 'the other commands unbundled',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/main\.js$/ }, () => ({ path: '../broker/cli/main.js', external: true }));
  },
};

/**
 * Loaded at the first call of one of their functions: by most runs never. They are the rules of policies, which a filter that
 * is there already does not need, and what tells about them. To bring up their tables takes as long as the launcher.
 */
const LATER = [
  'cli/policy-file',
  'cli/usual-rules',
  'libraries/find',
  'policy/check',
  'policy/decision',
  'policy/diff',
  'policy/document/document',
  'policy/document/write',
  'policy/explain',
  'policy/intersection',
  'policy/overview',
  'policy/reasons',
  'policy/refused',
  'policy/requests',
].map((name) => resolve(root, `dist/broker/${name}.js`));

const late = {
  name: 'modules when they are asked for',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, importer, resolveDir, namespace }) => {
      const file = resolve(resolveDir, path);
      if (namespace === 'late') return { path: file };
      // Relative: it is in the bundle, which is to be the same wherever it is made.
      const isLate = LATER.includes(file) && !LATER.includes(importer);
      return isLate ? { path: relative(root, file), namespace: 'late' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'late' }, async ({ path }) => {
      const file = resolve(root, path);
      return { contents: standIns(file, await import(file)), resolveDir: dirname(file) };
    });
  },
};

/** Whoever imports another thing than functions and classes from there cannot be bundled so, as esbuild then says. */
function standIns(path, exported) {
  const real = `require(${JSON.stringify(`./${basename(path)}`)})`;
  return Object.entries(exported)
    .filter(([, value]) => typeof value === 'function')
    .map(([name, value]) => `export const ${name} = ${standIn(`${real}.${name}`, value)};`)
    .join('\n');
}

function standIn(real, value) {
  if (!/^class\b/.test(value.toString())) return `(...all) => ${real}(...all)`;
  return `/* @__PURE__ */ new Proxy(class {}, { construct: (_, all) => new (${real})(...all) })`;
}

/** No module does anything by being loaded but make its tables, which nobody needs where nobody uses the module. */
const pure = {
  name: 'modules without effects',
  setup({ onResolve, resolve: find }) {
    onResolve({ filter: /^\.{1,2}\// }, async ({ path, pluginData, ...about }) => {
      if (pluginData === pure) return undefined;
      const { errors, ...found } = await find(path, { ...about, pluginData: pure });
      return { path: found.path, namespace: found.namespace, external: found.external, errors, sideEffects: false };
    });
  },
};

/** Filters are the same on every host, and to compile one takes as long as the launcher. */
const precompiled = {
  name: 'the usual policy, compiled',
  setup({ onLoad }) {
    onLoad({ filter: /\/cli\/precompiled-policies\.js$/ }, async () => {
      const { precompile } = await import('../dist/broker/policy/precompiled.js');
      const { policies } = await import('../dist/broker/policy/index.js');
      const { ARCHITECTURES } = await import('../dist/broker/policy/syscalls/index.js');
      const known = Object.values(ARCHITECTURES).map((arch) => [
        arch,
        precompile(policies.commandLine({ arch }).build()),
      ]);
      return { contents: `export const PRECOMPILED = ${JSON.stringify(Object.fromEntries(known))};` };
    });
  },
};

const common = {
  absWorkingDir: root,
  outdir: folder,
  write: false,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [pure, required, others, late, precompiled],
};

/** A script whose value is a function: see load-bundle.ts. Its name changes with its contents. */
const run = await build({
  ...common,
  entryPoints: { run: 'dist/broker/cli/run.js' },
  entryNames: '[name]-[hash]',
  define: { 'import.meta.url': 'importMeta.url' },
  // A script has none, but `require`.
  supported: { 'dynamic-import': false },
  banner: { js: '(function (require, importMeta) { "use strict"; const module = {};' },
  footer: { js: 'return module.exports; })' },
});
const index = await build({
  ...common,
  entryPoints: { index: 'dist/broker/cli/bundled.js' },
  define: { RUN_BUNDLE: JSON.stringify(nameOf(run)), 'import.meta.dirname': '__dirname' },
  banner: { js: '#!/usr/bin/env node\n"use strict";' },
});
const outputFiles = [
  ...run.outputFiles,
  ...index.outputFiles,
  // The package is one of modules, these files are none.
  { path: resolve(folder, 'package.json'), contents: Buffer.from('{ "type": "commonjs" }\n') },
];

if (process.argv.includes('--check')) check();
else write();

function nameOf({ outputFiles: files }) {
  return basename(files.find(({ path }) => path.endsWith('.js')).path);
}

function write() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const { path, contents } of outputFiles) writeFileSync(path, contents, { mode: path === entry ? 0o755 : 0o644 });
  console.log(`bundled ${relative(root, entry)}`);
}

/** Nothing is there that would not be written now, but what cache-cli.mjs adds. */
function check() {
  const there = readdirSync(folder)
    .filter((name) => !name.endsWith('.cache'))
    .map((name) => resolve(folder, name));
  const stale = outputFiles.filter(
    ({ path, contents }) => !there.includes(path) || !readFileSync(path).equals(contents),
  );
  if (stale.length > 0 || there.length !== outputFiles.length) {
    console.error(`${relative(root, folder)} is not what dist/broker makes: npm run build`);
    process.exitCode = 1;
  } else console.log(`${there.length} files are in step`);
}
