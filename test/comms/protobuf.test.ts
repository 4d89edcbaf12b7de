import { expect } from 'chai';
import protobuf from 'protobufjs/light.js';
import { LimitExceeded, ProtocolError } from '../../protocols/errors.js';
import { Tag } from '../../protocols/tags.js';
import { closePair, HostilePeer, rejection, transports } from './support.js';

interface Picture {
  name: string;
  width: number;
  pixels: Uint8Array;
  parts: Picture[];
}

// The shape that `pbjs -t static-module` gives a message: encode and decode.
const root = protobuf.Root.fromJSON({
  nested: {
    Picture: {
      fields: {
        name: { type: 'string', id: 1 },
        width: { type: 'uint32', id: 2 },
        pixels: { type: 'bytes', id: 3 },
        parts: { rule: 'repeated', type: 'Picture', id: 4 },
      },
    },
  },
});
const reflected = root.lookupType('Picture');

const Picture = {
  encode: (message: Picture) => reflected.encode(message),
  decode: (bytes: Uint8Array): Picture => {
    const { name, width, pixels, parts } = Object.assign(
      { name: '', width: 0, pixels: new Uint8Array(0), parts: [] },
      reflected.decode(bytes),
    );
    return { name, width, pixels, parts };
  },
};

const picture: Picture = { name: 'a', width: 2 ** 32 - 1, pixels: Buffer.from('pixels'), parts: [] };

for (const { name, connect } of transports) {
  describe(`protobuf messages, ${name}`, () => {
    it('come through both ways', async () => {
      const pair = connect();
      void pair.broker.sendProto(Picture, picture);
      expect((await pair.sandboxee.recvProto(Picture)).width).to.equal(picture.width);
      void pair.sandboxee.sendProto(Picture, { ...picture, parts: [picture] });
      expect((await pair.broker.recvProto(Picture)).parts.length).to.equal(1);
      closePair(pair);
    });

    it('do not alias the memory that they were received in', async () => {
      const pair = connect();
      void pair.broker.sendProto(Picture, picture);
      const first = await pair.sandboxee.recvProto(Picture);
      void pair.broker.sendBytes(Buffer.alloc(100, 0xff));
      await pair.sandboxee.recvBytes();
      expect(Buffer.from(first.pixels).toString()).to.equal('pixels');
      closePair(pair);
    });
  });
}

describe('protobuf messages of a hostile peer', () => {
  let peer: HostilePeer;

  beforeEach(() => {
    peer = new HostilePeer();
  });

  afterEach(() => peer.comms.close());

  it('lose their unknown fields', async () => {
    const unknown = Buffer.from([0x7a, 3, 1, 2, 3]);
    peer.frame(Tag.Proto, Buffer.concat([reflected.encode(picture).finish(), unknown]));
    const message = await peer.comms.recvProto({ decode: (bytes) => reflected.decode(bytes) });
    expect(reflected.encode(message).finish().includes(0x7a)).to.equal(false);
    expect(message.$unknowns ?? []).to.deep.equal([]);
  });

  for (const [name, bytes] of [
    ['cut short', Buffer.from([0x0a, 50, 1])],
    ['of a wire type that does not exist', Buffer.from([0x0f])],
    ['that end in the middle of a varint', Buffer.from([0x10, 0xff])],
    ['nested 2,000 deep', nest(2000)],
  ] as const) {
    it(`${name} are a violation`, async () => {
      peer.frame(Tag.Proto, bytes);
      expect(await rejection(peer.comms.recvProto(Picture))).to.be.instanceOf(ProtocolError);
      expect(peer.violations.length).to.equal(1);
    });
  }

  it('above the maximum are a LimitExceeded that leaves the stream in step', async () => {
    peer.frame(Tag.Proto, reflected.encode(picture).finish());
    peer.frame(Tag.Bool, Buffer.of(1));
    expect(await rejection(peer.comms.recvProto(Picture, { max: 3 }))).to.be.instanceOf(LimitExceeded);
    expect(await peer.comms.recvBool()).to.equal(true);
  });
});

function nest(depth: number): Buffer {
  let message = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    const length = [];
    for (let rest = message.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    message = Buffer.concat([Buffer.of(0x22, ...length), message]);
  }
  return message;
}
