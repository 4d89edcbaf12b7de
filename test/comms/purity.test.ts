import { execFileSync } from 'node:child_process';
import { expect } from 'chai';

const modules = new URL('../../protocols/', import.meta.url).href;

/** Runs a module's text in a process of its own; what it prints, parsed. */
function run(text: string): unknown {
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', text], { encoding: 'utf8' }));
}

describe('the protocols', () => {
  it('load no native code, and a channel in memory works without', () => {
    const report = run(`
      const { memoryPair } = await import('${modules}memory-transport.js');
      const { BlockingComms } = await import('${modules}blocking-comms.js');
      await import('${modules}index.js');
      const [a, b] = memoryPair();
      const broker = new BlockingComms(a, { role: 'broker' }).start();
      const sandboxee = new BlockingComms(b, { role: 'sandboxee' }).start();
      await broker.sendValue({ works: [1, 'x'] });
      const value = await sandboxee.recvValue();
      const { sharedObjects } = process.report.getReport();
      console.log(JSON.stringify({ value, addons: sharedObjects.filter((path) => path.endsWith('.node')) }));
    `);
    expect(report).to.deep.equal({ value: { works: [1, 'x'] }, addons: [] });
  });

  it('need no code from strings', () => {
    const value = run(`
      process.argv.length = 0;
      const { setFlagsFromString } = await import('node:v8');
      setFlagsFromString('--disallow-code-generation-from-strings');
      const { decodeValue, encodeValue } = await import('${modules}msgpack.js');
      console.log(JSON.stringify(decodeValue(encodeValue({ works: [1, 'x'] }))));
    `);
    expect(value).to.deep.equal({ works: [1, 'x'] });
  });

  it('say which import is missing where native code is needed', () => {
    const message = run(`
      const { Fd } = await import('${modules}fd.js');
      try { Fd.open('/dev/null'); } catch (error) { console.log(JSON.stringify(error.message)); }
    `);
    expect(message).to.contain('No native addon is loaded');
  });
});
