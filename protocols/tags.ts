/**
 * The frame tags: one table for both sides. The C header of the launcher and of the C client is generated from it.
 *
 * Numbers up to 0x800002ff are those of Sandbox2's comms.h; ours begin at 0x80010000. A tag below 0x80000000 belongs to
 * the user (`sendTlv`).
 */
export const Tag = {
  Bool: 0x80000001,
  Int8: 0x80000002,
  Uint8: 0x80000003,
  Int16: 0x80000004,
  Uint16: 0x80000005,
  Int32: 0x80000006,
  Uint32: 0x80000007,
  Int64: 0x80000008,
  Uint64: 0x80000009,
  String: 0x80000100,
  Bytes: 0x80000101,
  Proto: 0x80000102,
  Fd: 0x80000201,
  Value: 0x80010001,
  SharedBuffer: 0x80010002,
  SharedBufferById: 0x80010003,
  BufferRequest: 0x80010010,
  BufferGrant: 0x80010011,
  BufferRefusal: 0x80010012,
  BufferRelease: 0x80010013,
  RingOffer: 0x80010014,
  RingAnswer: 0x80010015,
  BufferKept: 0x80010016,
  BufferGrantById: 0x80010017,
  Hello: 0x80010020,
  Filter: 0x80010021,
  Listener: 0x80010022,
  Sealed: 0x80010023,
  Go: 0x80010024,
  GateFailed: 0x80010025,
  Stage: 0x80010030,
  Launched: 0x80010031,
  Failed: 0x80010032,
  Exited: 0x80010033,
  Executed: 0x80010034,
  AttachFd: 0x80010040,
  AttachBuffer: 0x80010041,
  AttachDrop: 0x80010042,
  Connect: 0x80010043,
  Connected: 0x80010044,
  Refused: 0x80010045,
  Call: 0x80010046,
  Return: 0x80010047,
  Fail: 0x80010048,
  Cancel: 0x80010049,
  Item: 0x8001004a,
  Credit: 0x8001004b,
  Event: 0x8001004c,
  Listen: 0x8001004d,
  EventsEnded: 0x8001004e,
  Release: 0x8001004f,
  Part: 0x80010050,
  AttachBufferById: 0x80010051,
} as const;

/** User tags are below this. */
export const FIRST_RESERVED_TAG = 0x80000000;

const names = new Map<number, string>(Object.entries(Tag).map(([name, tag]) => [tag, name]));

/** The tag as an error message shows it: `Int8`, `user tag 7`, `unknown tag 0x80000fff`. */
export function tagName(tag: number): string {
  if (tag < FIRST_RESERVED_TAG) return `user tag ${tag}`;
  return names.get(tag) ?? `unknown tag 0x${tag.toString(16)}`;
}
