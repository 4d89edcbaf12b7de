import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import type { Remote } from '../../protocols/schema/index.js';
import { settle, turn } from '../comms/support.js';
import { leakGate } from '../support/leak-gate.js';
import { Everything, PeerPair, type Store, serveEverything } from './support.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function collectAll(): Promise<void> {
  for (let count = 0; count < 20; count++) {
    await turn();
    collect();
  }
  await settle();
}

describe('a remote that was forgotten', () => {
  leakGate();
  let pair: PeerPair;
  beforeEach(() => {
    pair = new PeerPair();
    serveEverything(pair, pair.sandboxee.peer);
  });
  afterEach(() => pair.close());

  const given = () => pair.sandboxee.peer.usage().remotes.given.used;

  it('is released once it is collected', async () => {
    const remote = pair.broker.peer.connect(Everything);
    await (async () => {
      await remote.open({ prefix: '' });
    })();
    expect(given()).to.equal(1);
    await collectAll();
    expect(given()).to.equal(0);
    expect(pair.broker.peer.usage().remotes.held.used).to.equal(0);
  });

  it('is held as long as any of its methods is', async () => {
    const remote = pair.broker.peer.connect(Everything);
    const methods: Remote<typeof Store>['get'][] = [];
    await (async () => {
      methods.push((await remote.open({ prefix: '' })).store.get);
    })();
    await collectAll();
    expect(given()).to.equal(1);
    expect(await methods[0]?.({ key: 'a' })).to.deep.equal({});
  });
});
