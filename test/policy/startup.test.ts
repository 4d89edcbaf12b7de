import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { killProcess } from '../../broker/policy/bpf/dsl.js';
import { PolicyBuilder } from '../../broker/policy/builder.js';
import { dangerouslyAllowExecutableMemory } from '../../broker/policy/tokens.js';
import { attackProgram } from '../support/build.js';

/** What main does, and what it takes to get there; everything else ends the process. */
const main = new PolicyBuilder()
  .allowSyscalls('execve', 'fstat', 'newfstatat')
  .allowWrite()
  .allowSystemMalloc()
  .allowExit()
  .defaultAction(killProcess());

describe('a program under a policy that begins with its start', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-startup-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const STATIC = attackProgram('hello');
  const DYNAMIC = attackProgram('hello-dynamic', []);

  function run(builder: PolicyBuilder, program: string) {
    const filter = join(folder, 'filter');
    writeFileSync(filter, builder.build().compile().program);
    const { stdout, signal } = spawnSync(attackProgram('exec-filtered'), [filter, program], {
      encoding: 'utf8',
      env: {},
    });
    return { stdout, signal };
  }

  it('runs where it is static', () => {
    expect(run(main.allowStaticStartup(), STATIC)).to.deep.equal({ stdout: 'hello\n', signal: null });
    expect(run(main, STATIC)).to.deep.equal({ stdout: '', signal: 'SIGSYS' });
  });

  it('runs where it is dynamic', () => {
    const startup = main.allowDynamicStartup(dangerouslyAllowExecutableMemory);
    expect(run(startup, DYNAMIC)).to.deep.equal({ stdout: 'hello\n', signal: null });
    expect(run(main.allowStaticStartup(), DYNAMIC)).to.deep.equal({ stdout: '', signal: 'SIGSYS' });
  });

  it('loses no rule of the author to what a start is only answered', () => {
    const builder = main.allowReadlink().allowStaticStartup().allowHandleSignals();
    const text = builder.build().toString();
    expect(text).to.include('  readlink: allow\n').and.include('  sigaltstack: allow\n');
    expect(main.allowStaticStartup().build().toString())
      .to.include('  readlink: errno ENOENT\n')
      .and.include('  sigaltstack: errno ENOSYS\n');
  });
});
