import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { launch, policies, program } from '../../broker/index.js';
import { attackProgram } from '../support/build.js';
import { leakGate } from '../support/leak-gate.js';
import { failureOf } from './support.js';

const policy = policies.staticBinary().build();
const limits = { wallTime: 20_000 };

describe('the first line of a hostile script', () => {
  leakGate();
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-lines-'));
    chmodSync(folder, 0o755);
    copyFileSync(attackProgram('hello'), join(folder, 'hello'));
  });
  after(() => rmSync(folder, { recursive: true }));

  function script(line: string | Buffer, name = 'script'): string {
    const path = join(folder, name);
    writeFileSync(path, line, { mode: 0o755 });
    return path;
  }

  async function outcome(path: string): Promise<string> {
    const sandboxee = await launch(program(path, { read: [join(folder, 'hello')] }), { policy, limits });
    return (await sandboxee.result).status;
  }

  it('names the interpreter up to the last byte that the kernel looks at', async () => {
    const room = 255 - '#!'.length;
    const whole = `${'/'.repeat(room - join(folder, 'hello').length - 1)}${join(folder, 'hello')}`;
    expect(await outcome(script(`#!${whole}\n`))).to.equal('ok');
    expect(await outcome(script(`#!${whole} and an argument that is cut off${'.'.repeat(300)}\n`))).to.equal('ok');
  });

  it('never runs what is left of a name that is too long', async () => {
    const cut = `#!${'/'.repeat(254 - join(folder, 'hello').length)}${join(folder, 'hello')}`;
    expect(cut).to.have.length(256);
    const failure = await failureOf(outcome(script(`${cut}-and-more\n`)));
    expect(failure.message).to.match(/ENOEXEC|neither an ELF program/);
  });

  it('that is no text names no other file', () => {
    expect(() => program(script(Buffer.from(`#!${folder}/\xff\n`, 'latin1')))).to.throw(/not UTF-8/);
  });

  it('with control characters is escaped where it is told', async () => {
    const failure = await failureOf(outcome(script('#!/\x1b[31m\x07\n')));
    expect(failure.message).to.match(/\\u\{1b\}\[31m/);
    expect(failure.message).to.not.include('\x1b');
  });

  it('that names another script, or itself, fails with a name, and does not go round', async () => {
    const inner = script(`#!${join(folder, 'hello')}\n`, 'inner');
    const outer = script(`#!${inner}\n`, 'outer');
    const twice = launch(program(outer, { read: [inner, join(folder, 'hello')] }), { policy, limits });
    expect((await failureOf(twice)).message).to.include(inner);
    expect((await failureOf(outcome(script(`#!${join(folder, 'self')}\n`, 'self')))).message).to.match(/self/);
  });
});
