import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** From dist/test/docs. */
const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/sandbox2.md', root), 'utf8');
const [, tables = ''] = page.split('\n## Behaviour by behaviour\n');

interface Citation {
  readonly file: string;
  readonly title: string;
}

const CITATION = /`([\w/-]+) › ([^`]+)`/g;
const citations: readonly Citation[] = [...tables.matchAll(CITATION)].map(([, file = '', title = '']) => ({
  file,
  title,
}));

/** Why a behaviour has no test of the same kind. */
const WHY = /^(Not here|Otherwise here|Mended|Later)[:,]/;

/** The titles that a test file gives, each as what a title must match; what is filled in by a template may be anything. */
function titlesOf(source: string): readonly RegExp[] {
  const calls = source.matchAll(/\b(?:describe|it|on\w+)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs);
  return [...calls].flatMap(([, quote, text = '']) => {
    const parts = quote === '`' ? text.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/) : [text];
    const literal = parts.map((part) => withoutBackticks(part.replace(/\\(.)/g, '$1')));
    if (!/\w{2}/.test(literal.join(''))) return [];
    return [new RegExp(`^${literal.map(escaped).join('.+')}$`, 's')];
  });
}

/** In the page they would end the citation. */
const withoutBackticks = (text: string): string => text.replaceAll('`', '');
const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

function missing({ file, title }: Citation): boolean {
  const titles = titlesOf(sourceOf(file));
  return !titles.some((each) => each.test(title));
}

function sourceOf(file: string): string {
  try {
    return readFileSync(new URL(`test/${file}.test.ts`, root), 'utf8');
  } catch {
    return '';
  }
}

describe('docs/sandbox2.md', () => {
  it('cites tests that there are', () => {
    expect(citations.length).to.be.greaterThan(150);
    expect(citations.filter(missing).map(({ file, title }) => `${file} › ${title}`)).to.deep.equal([]);
  });

  it('would not take a title that is not there', () => {
    expect(missing({ file: 'docs/sandbox2', title: 'cites tests that there are' })).to.equal(false);
    expect(missing({ file: 'docs/sandbox2', title: 'cites tests' })).to.equal(true);
    expect(missing({ file: 'docs/no-such-file', title: 'cites tests that there are' })).to.equal(true);
  });

  it('has for every behaviour a test, or why there is none', () => {
    const rows = tables.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| behaviour |'));
    expect(rows.length).to.be.greaterThan(100);
    const bare = rows.filter((row) => {
      const cell = row.split(' | ').at(-1) ?? '';
      return !WHY.test(cell) && !/^(`[^`]+`(<br>)?)+ \|$/.test(cell);
    });
    expect(bare).to.deep.equal([]);
  });

  it('has a table for each suite of Sandbox2', () => {
    const suites = [...tables.matchAll(/^### (.*)$/gm)].map(([, name]) => name);
    for (const name of ['policy', 'policybuilder', 'notify', 'stack trace', 'limits', 'ipc', 'buffer', 'comms'])
      expect(suites).to.include(name);
    for (const name of ['sandbox2', 'namespace', 'mounts', 'landlock', 'sanitizer', 'result', 'forkserver', 'util'])
      expect(suites).to.include(name);
    expect(new Set(suites).size).to.equal(suites.length);
  });
});
