import { ProtocolError } from '../../../protocols/errors.js';
import type { Phase, Role } from '../../../protocols/frame-rules.js';
import { Intake } from '../../../protocols/intake.js';
import { Tag } from '../../../protocols/tags.js';
import { FakeFds } from '../../comms/support.js';
import { Choices } from '../choices.js';
import { type FuzzTarget, mustHold } from '../target.js';

const SLAB = 256;
const MOST_MESSAGE = 600;
const MOST_FDS = 8;
const roles: readonly [Role, ...Role[]] = ['broker', 'sandboxee'];
const phases: readonly [Phase, ...Phase[]] = ['open', 'handshake', 'start-up', 'life'];
const TAGS = Object.values(Tag);

/**
 * The parser of frames, fed with bytes and fds in pieces of any size. However they are cut, the same frames come out or the
 * same is refused, nothing beyond a message is held, and every fd is either a frame's or closed.
 */
export const frames: FuzzTarget = {
  name: 'frames',
  most: 3000,
  words: TAGS.map((tag) => word(tag)).concat([
    '\0\0\0\0\0\0\0\0',
    '\x01\0\0\0\0\0\0\0',
    '\x04\0\0\0\0\0\0\0',
    '\x58\x02\0\0\0\0\0\0',
  ]),
  seeds: () =>
    [
      [Tag.String, 5],
      [Tag.Fd, 0],
      [Tag.Bytes, 500],
      [7, 3],
      [Tag.AttachFd, 0],
      [Tag.Call, 20],
    ].map(([tag = 0, length = 0]) => {
      const head = Buffer.alloc(16 + 12 + length);
      head.writeUInt32LE(tag, 16);
      head.writeUInt32LE(length, 20);
      head[2] = 1;
      return head;
    }),
  run: (input) => {
    const choices = new Choices(input);
    const [role, phase] = [choices.pick(roles), choices.pick(phases)];
    const fdCount = choices.below(MOST_FDS);
    const sizes = Array.from({ length: 12 }, () => 1 + choices.byte());
    choices.byte();
    const stream = choices.rest();
    // The fds lie beside the bytes: all come with the first, or each with the piece that its frame begins in at the latest.
    const whole = parse(stream, role, phase, fdCount, [SLAB]);
    const pieces = parse(stream, role, phase, fdCount, sizes);
    mustHold(whole.open === 0 && pieces.open === 0, `${whole.open} and ${pieces.open} fds are left open`);
    if (fdCount > 0) return;
    mustHold(whole.refusal === pieces.refusal, `'${whole.refusal}' is '${pieces.refusal}' in other pieces`);
    mustHold(whole.frames.join() === pieces.frames.join(), 'other frames came out of other pieces');
  },
};

interface Parsed {
  readonly frames: readonly string[];
  readonly refusal: string | undefined;
  readonly open: number;
}

function parse(stream: Buffer, role: Role, phase: Phase, fdCount: number, sizes: readonly number[]): Parsed {
  const fds = new FakeFds();
  const slab = Buffer.alloc(SLAB);
  const found: string[] = [];
  const intake = new Intake({ slab }, MOST_MESSAGE, role, phase, fds, (frame) => {
    mustHold(frame.length <= Math.max(MOST_MESSAGE, 70_000), `a frame of ${frame.length} bytes was taken`);
    found.push(`${frame.tag}:${frame.hasFd}:${frame.copyOut().toString('hex')}`);
    frame.discard(fds);
  });
  let passed: number[] | null = Array.from({ length: fdCount }, () => fds.make());
  let filled = 0;
  let refusal: string | undefined;
  try {
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const size = Math.min(sizes[turn % sizes.length] ?? 1, SLAB - filled, stream.length - at);
      mustHold(size > 0, 'the slab is full, and nothing is taken out of it');
      stream.copy(slab, filled, at, at + size);
      at += size;
      filled += size;
      const given = passed;
      passed = null;
      const consumed = intake.push(filled, given);
      mustHold(consumed >= 0 && consumed <= filled, `it took ${consumed} of ${filled} bytes`);
      slab.copyWithin(0, consumed, filled);
      filled -= consumed;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    refusal = error.message;
  }
  intake.stop();
  for (const fd of passed ?? []) fds.close(fd);
  return { frames: found, refusal, open: fds.open.size };
}

function word(tag: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(tag, 0);
  return bytes.toString('latin1');
}
