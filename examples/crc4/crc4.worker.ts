import { sandboxMeHere } from 'sallyport/sandboxee';

const { comms } = await sandboxMeHere();
for (;;) await comms.sendUint8(crc4(await comms.recvBytes()));

/** CRC-4-ITU: x⁴ + x + 1, bits reflected. */
function crc4(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xc : crc >>> 1;
  }
  return crc;
}
