import { execFileSync } from 'node:child_process';
import { expect } from 'chai';

const modules = new URL('../../protocols/', import.meta.url).href;

/** Runs a module's text in a process of its own; what it prints, parsed. */
function run(text: string, ...flags: string[]): unknown {
  const argv = [...flags, '--input-type=module', '--eval', text];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }));
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

  it('load no native code for interfaces and calls either, and need no code made of strings', () => {
    const report = run(
      `
      const { memoryPair } = await import('${modules}memory-transport.js');
      const { Comms } = await import('${modules}comms.js');
      const { Peer } = await import('${modules}calls/peer.js');
      const { defineInterface, t } = await import('${modules}schema/index.js');
      const Sums = defineInterface('sums@1', {
        add: t.method({ input: { a: t.int32(), b: t.value(t.int32()) }, output: t.int32() }),
      });
      const [a, b] = memoryPair();
      const broker = new Peer(new Comms(a, { role: 'broker' }).start());
      const sandboxee = new Peer(new Comms(b, { role: 'sandboxee' }).start());
      sandboxee.serve(Sums, { add: ({ a, b }) => a + b });
      const sum = await broker.connect(Sums).add({ a: 2, b: 3 });
      const { sharedObjects } = process.report.getReport();
      console.log(JSON.stringify({ sum, addons: sharedObjects.filter((path) => path.endsWith('.node')) }));
    `,
      '--disallow-code-generation-from-strings',
    );
    expect(report).to.deep.equal({ sum: 5, addons: [] });
  });

  it('encode and decode values where no code may be made of strings', () => {
    const report = run(
      `
      let forbidden = false;
      try { new Function(''); } catch { forbidden = true; }
      const { decodeValue, encodeValue } = await import('${modules}msgpack.js');
      console.log(JSON.stringify({ forbidden, value: decodeValue(encodeValue({ works: [1, 'x'] })) }));
    `,
      '--disallow-code-generation-from-strings',
    );
    expect(report).to.deep.equal({ forbidden: true, value: { works: [1, 'x'] } });
  });

  it('say which import is missing where native code is needed', () => {
    const message = run(`
      const { Fd } = await import('${modules}fd.js');
      try { Fd.open('/dev/null'); } catch (error) { console.log(JSON.stringify(error.message)); }
    `);
    expect(message).to.contain('No native addon is loaded');
  });
});
