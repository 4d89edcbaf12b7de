import type { Comms } from 'sallyport/protocols';

/**
 * What the parser tells the broker: proposals, one value each, and at the end a summary. The parser is not believed: whatever
 * comes is unknown until `parseMessage` has looked at it, and a proposal is no rule until `judge` has.
 */
export type Message =
  | { readonly kind: 'block'; readonly address: string; readonly service: Service; readonly seen: number }
  | {
      readonly kind: 'grant';
      readonly profile: string;
      readonly path: string;
      readonly access: string;
      readonly seen: number;
    }
  | { readonly kind: 'end'; readonly lines: number; readonly understood: number };

/** What was attacked: `any` where the log says only who it was. */
export type Service = { readonly protocol: 'tcp' | 'udp'; readonly port: number } | 'any';

/** More than this nobody reads through. */
export const MOST_MESSAGES = 10_000;
const LONGEST_TEXT = 1024;

/** The peer sent what no parser of ours would. */
export class HostileMessage extends Error {
  override readonly name = 'HostileMessage';
}

export async function sendMessage(comms: Comms, message: Message): Promise<void> {
  await comms.sendValue(message);
}

/** @throws HostileMessage, and whatever `comms` throws */
export async function receiveMessage(comms: Comms): Promise<Message> {
  return parseMessage(await comms.recvValue({ max: 8 * LONGEST_TEXT }));
}

export function parseMessage(value: unknown): Message {
  const from = fieldsOf(value);
  switch (from.kind) {
    case 'block':
      return {
        kind: 'block',
        address: text(from, 'address'),
        service: serviceOf(from.service),
        seen: count(from, 'seen'),
      };
    case 'grant':
      return {
        kind: 'grant',
        profile: text(from, 'profile'),
        path: text(from, 'path'),
        access: text(from, 'access'),
        seen: count(from, 'seen'),
      };
    case 'end':
      return { kind: 'end', lines: count(from, 'lines'), understood: count(from, 'understood') };
    default:
      throw new HostileMessage('a message of no kind that there is');
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new HostileMessage('not an object');
  return { ...value };
}

function text(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value.length === 0 || value.length > LONGEST_TEXT)
    throw new HostileMessage(`'${name}' is no text of 1 to ${LONGEST_TEXT} characters`);
  return value;
}

function count(from: Fields, name: string): number {
  const value = from[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new HostileMessage(`'${name}' is no count`);
  return value;
}

function serviceOf(value: unknown): Service {
  if (value === 'any') return 'any';
  const from = fieldsOf(value);
  const { protocol } = from;
  const port = count(from, 'port');
  if (protocol !== 'tcp' && protocol !== 'udp') throw new HostileMessage("'protocol' is neither tcp nor udp");
  if (port < 1 || port > 65535) throw new HostileMessage("'port' is none");
  return { protocol, port };
}
