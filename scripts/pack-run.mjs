// Puts all modules that `sallyport run` loads into one file, with V8's code cache beside it. Each confined command waits for
// them: as 160 files of ES modules they take Node longer to load than the launch itself takes. What is packed is exactly
// what tsc wrote; where the pack is missing or old, the modules are loaded one by one.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = new URL('../dist/broker/cli/', import.meta.url);
const ENTRY = new URL('run.js', CLI);
const PACK = new URL('run.pack.js', CLI);

/** What `run`, whose programs have no comms, never calls, and is slow to load. */
const LEFT_OUT = { '../../protocols/msgpack-encode.js': ['encodeValue'] };

const numbers = new Map();
const bodies = [];

/** The forms in which tsc writes imports and exports; anything else is an error of this script's. */
function pack(url) {
  const known = numbers.get(url.href);
  if (known !== undefined) return known;
  const number = numbers.size;
  numbers.set(url.href, number);
  const leftOut = LEFT_OUT[relativeTo(CLI, url)];
  if (leftOut !== undefined) {
    const stubs = leftOut.map((name) => `exports.${name} = () => { throw new Error('${name} is not in the pack'); };`);
    bodies[number] = `(exports) => { ${stubs.join(' ')} }`;
    return number;
  }
  const exported = [];
  const source = (specifier) =>
    specifier.startsWith('.') ? `__load(${pack(new URL(specifier, url))})` : `__require(${JSON.stringify(specifier)})`;
  // Loaded with the first use: `run` seldom needs any of them.
  const lazily = (names, from) =>
    split(names)
      .map(([name, as]) => `const ${as} = __late(${JSON.stringify(from)}, '${name}');`)
      .join(' ');
  const text = readFileSync(url, 'utf8')
    .replace(/^#!.*/, '')
    .replace(/\n\/\/# sourceMappingURL=.*/, '')
    .replace(/^import\s+\{([^}]*)\}\s+from\s+'(node:(?:fs\/promises|child_process|net|tty))';/gm, (_, names, from) =>
      lazily(names, from),
    )
    .replace(/^import\s+\*\s+as\s+(\w+)\s+from\s+'([^']+)';/gm, (_, name, from) => `const ${name} = ${source(from)};`)
    .replace(/^import\s+(\w+)\s+from\s+'([^']+)';/gm, (_, name, from) => `const ${name} = ${source(from)};`)
    .replace(
      /^import\s+\{([^}]*)\}\s+from\s+'([^']+)';/gm,
      (_, names, from) => `const {${names.replace(/\bas\b/g, ':')}} = ${source(from)};`,
    )
    .replace(/^export\s+\*\s+as\s+(\w+)\s+from\s+'([^']+)';/gm, (_, name, from) => `exports.${name} = ${source(from)};`)
    .replace(/^export\s+\*\s+from\s+'([^']+)';/gm, (_, from) => `Object.assign(exports, ${source(from)});`)
    .replace(/^export\s+\{([^}]*)\}\s+from\s+'([^']+)';/gm, (_, names, from) =>
      split(names)
        .map(([name, as]) => `exports.${as} = ${source(from)}.${name};`)
        .join(' '),
    )
    .replace(/^export\s+\{([^}]*)\};/gm, (_, names) => {
      exported.push(...split(names));
      return '';
    })
    .replace(/^export\s+(const|let)\s+\{([^}]*)\}/gm, (_, kind, names) => {
      exported.push(...split(names));
      return `${kind} {${names}}`;
    })
    .replace(/^export\s+(async\s+function\*?|function\*?|class|const)\s+(\w+)/gm, (_, kind, name) => {
      exported.push([name, name]);
      return `${kind} ${name}`;
    })
    .replaceAll('import.meta.url', `new URL(${JSON.stringify(relativeTo(CLI, url))}, __base).href`)
    .replace(/\bimport\('(\.[^']+)'\)/g, (_, from) => `Promise.resolve().then(() => ${source(from)})`);
  if (/^(import\s[^(]|export\s)/m.test(text))
    throw new Error(`${url.href}: an import or export of a form that is not known`);
  const ends = exported.map(([name, as]) => `exports.${as} = ${name};`).join(' ');
  // In ASCII, of which V8 makes half as large a string.
  const ascii = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  bodies[number] = `(exports) => {\n${ascii}\n${ends}\n}`;
  return number;
}

function relativeTo(folder, url) {
  return relative(fileURLToPath(folder), fileURLToPath(url));
}

function split(names) {
  return names
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => {
      const [name, as = name] = each.split(/\s+as\s+|\s*:\s*/);
      return [name, as];
    });
}

for (const name of readdirSync(CLI)) {
  if (name.endsWith('.cache')) rmSync(new URL(name, CLI));
}
pack(ENTRY);
writeFileSync(
  PACK,
  `(__require, __base) => {
const made = [];
const __load = (number) => {
  if (made[number] === undefined) { made[number] = {}; modules[number](made[number]); }
  return made[number];
};
const modules = [
${bodies.join(',\n')}
];
function __late(from, name) {
  return function (...args) {
    const it = __require(from)[name];
    return new.target === undefined ? it(...args) : Reflect.construct(it, args);
  };
}
return __load(0);
}
`,
);

// The code of what a run went through is in the cache, and not only that of its beginning.
const {
  default: { loadPack, cachePath },
} = await import(new URL('pack.cjs', CLI));
const { entry, script } = loadPack();
await entry.main(['--', '/bin/true']);
writeFileSync(cachePath(), script.createCachedData());
console.log(`packed ${bodies.length} modules into ${fileURLToPath(PACK)}`);
process.exit(0);
