import { expect } from 'chai';
import { service } from '../../protocols/calls/service.js';
import {
  defineInterface,
  type Interface,
  type MethodOf,
  type RemoteOf,
  type ServiceOf,
  t,
} from '../../protocols/schema/index.js';
import { PeerPair } from '../calls/support.js';
import { leakGate } from '../support/leak-gate.js';

type FolderMembers = {
  readonly names: MethodOf<undefined, string[], readonly string[]>;
  readonly open: MethodOf<
    { name: string },
    RemoteOf<FolderMembers>,
    ServiceOf<FolderMembers> | RemoteOf<FolderMembers>
  >;
};

const Folder: Interface<FolderMembers> = defineInterface('folder@1', {
  names: t.method({ output: t.array(t.string({ max: 100 })) }),
  open: t.method({ input: { name: t.string({ max: 100 }) }, output: t.remote((): Interface<FolderMembers> => Folder) }),
});

function folder(path: string): ServiceOf<FolderMembers> {
  return service(Folder, { names: () => [path], open: ({ name }) => folder(`${path}/${name}`) });
}

describe('an interface that passes its own kind', () => {
  leakGate();

  it('is written down once as a type, and is typed and called like any other', async () => {
    const pair = new PeerPair();
    pair.sandboxee.peer.serve(Folder, { names: () => [''], open: ({ name }) => folder(name) });
    const root = pair.broker.peer.connect(Folder);
    const a = await root.open({ name: 'a' });
    const b = await a.open({ name: 'b' });
    const names: string[] = await b.names();
    expect(names).to.deep.equal(['a/b']);
    // @ts-expect-error it has no such member
    expect(b.size).to.equal(undefined);
    // @ts-expect-error a name is text
    const wrong = b.open({ name: 7 }).catch(() => 'refused');
    expect(await wrong).to.equal('refused');
    for (const each of [a, b, root]) each[Symbol.dispose]();
    pair.close();
  });
});
