import type { Socket } from 'node:net';
import { Packr } from 'msgpackr';
import type { Message } from './message.js';

const HEADER = 4;

/** Messages over a stream: four bytes of length and msgpack, whose records both ends know. Returns what sends. */
export function framed(socket: Socket, arrived: (message: Message) => void): (message: Message) => void {
  const structures = [['kind', 'id', 'name', 'data', 'size', 'transfer']];
  const packr = new Packr({ structures, copyBuffers: true });
  let parts: Buffer[] = [];
  let length = 0;
  let wanted = HEADER;

  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk);
    length += chunk.length;
    if (length < wanted) return;
    const all = parts.length === 1 ? chunk : Buffer.concat(parts, length);
    let at = 0;
    wanted = HEADER;
    while (all.length - at >= HEADER) {
      const end = at + HEADER + all.readUInt32LE(at);
      wanted = end - at;
      if (end > all.length) break;
      arrived(packr.unpack(all.subarray(at + HEADER, end)));
      at = end;
      wanted = HEADER;
    }
    parts = at < all.length ? [all.subarray(at)] : [];
    length = all.length - at;
  });

  return (message) => {
    const body = packr.pack(message);
    const header = Buffer.allocUnsafe(HEADER);
    header.writeUInt32LE(body.length);
    // What is sent in one turn leaves in one writev.
    socket.cork();
    socket.write(header);
    socket.write(body);
    process.nextTick(() => socket.uncork());
  };
}
