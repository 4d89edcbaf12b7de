import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { carried } from './carrier.js';
import { framed } from './framed-socket.js';
import { messenger } from './messages.js';
import type { Peer } from './peer.js';

const script = fileURLToPath(new URL('./net-msgpackr.child.js', import.meta.url));

/** A Unix socket of `net`, and msgpackr. */
export async function netPeer(): Promise<Peer<'net-msgpackr'>> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const path = join(folder, 'socket');
  const server = createServer().listen(path);
  try {
    await once(server, 'listening');
    const child = spawn(process.execPath, [script, path], { stdio: 'inherit' });
    const [socket]: Socket[] = await once(server, 'connection');
    if (socket === undefined) throw new Error('nobody connected');
    const { carrier, arrived, gone } = messenger(
      (message) => send(message),
      async () => {
        socket.destroy();
        child.kill('SIGKILL');
      },
    );
    socket.once('close', gone);
    const send = framed(socket, arrived);
    return carried('net-msgpackr', carrier);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}
