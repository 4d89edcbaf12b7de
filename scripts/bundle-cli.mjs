// Puts what `sallyport` loads into few files: every confined command waits for it, and Node takes longer to load `run` and its
// hundred modules one by one than the launch itself takes. The modules in dist/broker work by themselves, and are tested.
// No code cache of V8's lies beside it: what Node takes for its own without being it is another program, or a crash. Nothing
// is minified, so that stack traces can be read; that would save next to nothing.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
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

function reexport(path, { default: whole, ...parts }) {
  const part = JSON.stringify(path);
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

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: { index: 'dist/broker/cli/index.js' },
  outdir: folder,
  write: false,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  plugins: [required, others],
});

if (process.argv.includes('--check')) check();
else write();

function write() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const { path, contents } of outputFiles) writeFileSync(path, contents, { mode: path === entry ? 0o755 : 0o644 });
  console.log(`bundled ${relative(root, entry)}`);
}

/** Nothing is there that would not be written now. */
function check() {
  const there = readdirSync(folder).map((name) => resolve(folder, name));
  const stale = outputFiles.filter(
    ({ path, contents }) => !there.includes(path) || !readFileSync(path).equals(contents),
  );
  if (stale.length > 0 || there.length !== outputFiles.length) {
    console.error(`${relative(root, folder)} is not what dist/broker makes: npm run build`);
    process.exitCode = 1;
  } else console.log(`${there.length} files are in step`);
}
