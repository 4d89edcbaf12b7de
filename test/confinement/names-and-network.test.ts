import { readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { dangerouslyAllowUnrestrictedNetworking, LaunchError, policies } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { perform } from '../support/puppet.js';
import { onlyWithNamespaces } from '../support/tier.js';
import { HostFolder, launchWith, paths } from './support.js';

describe('the name of the host and the working directory', () => {
  leakGate();
  onlyWithNamespaces('there is no name and no network of its own');

  it('are those of the policy', async () => {
    const host = new HostFolder();
    const folder = host.folder('here');
    try {
      await using sandboxee = await launchWith(
        paths.setHostname('gatehouse').addDirectory(folder).setWorkingDirectory(folder),
      );
      const found = await perform(sandboxee, ({ modules: { os } }) => [os.hostname(), process.cwd()]);
      expect(found).to.deep.equal(['gatehouse', folder]);
    } finally {
      host.remove();
    }
  });

  it('fail the launch where the directory is not there', async () => {
    const error = await launchWith(policies.node().setWorkingDirectory(join('/nowhere'))).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(LaunchError);
    expect(String(error)).to.include('enter the working directory: /nowhere');
  });
});

describe('the network', () => {
  leakGate();
  onlyWithNamespaces('there is no name and no network of its own');

  it('is the host’s only with the token, and then speaks where sockets are allowed', async () => {
    const server = createServer((socket) => socket.end('of the host'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const sockets = policies.node().allowSyscalls('socket', 'connect', 'setsockopt', 'getpeername', 'getsockopt');
    const say = async (builder: typeof sockets): Promise<unknown> => {
      await using sandboxee = await launchWith(builder);
      const namespaces = readlinkSync(`/proc/${sandboxee.pid}/ns/net`) === readlinkSync('/proc/self/ns/net');
      const answer = await perform(
        sandboxee,
        ({ modules: { net } }, at: number) =>
          new Promise<string>((resolve) => {
            const socket = net.connect(at, '127.0.0.1');
            socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
            socket.once('data', (data) => resolve(data.toString()));
          }),
        port,
      );
      const layer = sandboxee.layers.find(({ name }) => name === 'network-namespace');
      return { namespaces, answer, isOn: layer?.state };
    };
    try {
      const open = sockets.allowUnrestrictedNetworking(dangerouslyAllowUnrestrictedNetworking);
      expect(await say(open)).to.include({ namespaces: true, answer: 'of the host' });
      const closed = (await say(sockets)) as { namespaces: boolean; answer: string };
      expect(closed.namespaces).to.equal(false);
      expect(['ENETUNREACH', 'EACCES', 'ECONNREFUSED']).to.include(closed.answer);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
