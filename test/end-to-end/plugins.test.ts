import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Plugin, Store } from '../../examples/plugins/plugins.js';
import { Values } from '../../examples/plugins/store.js';
import { PeerPair } from '../calls/support.js';
import { rejection } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';

describe('the plugins app', () => {
  leakGate();
  let lines: readonly string[];
  before(() => {
    const app = fileURLToPath(new URL('../../examples/plugins/app.js', import.meta.url));
    lines = execFileSync(process.execPath, [app], { encoding: 'utf8' }).trimEnd().split('\n');
  });
  const of = (plugin: string) =>
    lines.filter((line) => line.startsWith(plugin)).map((line) => line.slice(plugin.length).trim());

  it('serves the honest plugin all along, whatever the hostile one does', () => {
    expect(of('guestbook')).to.deep.equal([
      'logs "the book is open"',
      'Ada: was here 1 time',
      ...[2, 3, 4, 5, 6, 7].map((times) => `Ada: was here ${times} times`),
      'Grace: was here 1 time',
    ]);
  });

  it('shows the hostile one nothing of the other, and holds it to its quotas', () => {
    const said = of('gambler');
    expect(said).to.include('peek: found 0 values of others, and 0 keys of its own');
    expect(said).to.include('fill the store: 400 of 500 were refused');
    expect(said).to.include('flood the log: 497 of 500 were refused');
    expect(said.filter((line) => line.startsWith('logs'))).to.have.length(3);
    expect(lines.join('')).to.not.contain('\x1b');
  });

  it('ends the one that forges a remote, hangs or crashes, and starts another, which finds what it had kept', () => {
    const said = of('gambler');
    expect(said).to.include('forge a remote: violation: protocol: the peer named remote 2, which it does not hold');
    expect(said).to.include('hang: killed: it did not answer');
    expect(said).to.include('crash: ended by SIGABRT');
    expect(said.at(-1)).to.equal('peek: found 0 values of others, and 100 keys of its own');
  });
});

describe('a store that was narrowed to a prefix', () => {
  leakGate();
  const values = new Values();
  let pair: PeerPair;
  beforeEach(() => {
    pair = new PeerPair({ broker: { services: [values.narrow('a')] } });
  });
  afterEach(() => pair.close());

  it('has no key for what is another’s', async () => {
    const store = pair.sandboxee.peer.connect(Store);
    const other = new PeerPair({ broker: { services: [values.narrow('ab')] } });
    const theirs = other.sandboxee.peer.connect(Store);
    await theirs.set({ key: 'secret', value: 'x' });
    for (const key of ['secret', 'ab/secret', '../ab/secret', 'b/secret', '/../ab/secret'])
      expect(await store.get({ key }), key).to.deep.equal({});
    await store.set({ key: 'b/secret', value: 'mine' });
    await store.set({ key: '../ab/secret', value: 'mine' });
    expect(await theirs.get({ key: 'secret' })).to.deep.equal({ value: 'x' });
    const keys: string[] = [];
    for await (const key of store.keys()) keys.push(key);
    expect(keys).to.have.members(['b/secret', '../ab/secret']);
    other.close();
  });

  it('is full for one plugin alone', async () => {
    const store = pair.sandboxee.peer.connect(Store);
    let error: unknown;
    for (let n = 0; error === undefined && n < 200; n++)
      await store.set({ key: `k${n}`, value: '' }).catch((reason: unknown) => {
        error = reason;
      });
    expect(error).to.have.property('code', 'full');
    const other = new PeerPair({ broker: { services: [values.narrow('c')] } });
    await other.sandboxee.peer.connect(Store).set({ key: 'k', value: '' });
    other.close();
  });

  it('refuses here what is longer than a key may be', async () => {
    const error = await rejection(pair.sandboxee.peer.connect(Store).get({ key: 'k'.repeat(101) }));
    expect(error).to.have.property('code', 'ERR_SALLYPORT_INVALID_ARGUMENT');
    expect(Plugin.description).to.contain('remote(store@1)');
  });
});
