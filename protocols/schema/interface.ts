import { InvalidArgument } from '../errors.js';
import { requireName } from './containers.js';
import { describeInterface, hashOf } from './description.js';
import type { AnyMember, Event, Method, Stream } from './members.js';

export type Members = Readonly<Record<string, AnyMember>>;

/** What two sides agree on. Made once, and shared by both. */
export interface Interface<M extends Members = Members> {
  readonly name: string;
  readonly members: M;
  /** @internal By ordinal, which is all that a message names. */
  readonly table: readonly NamedMember[];
  /** The canonical description, a line for each member. */
  readonly description: string;
  /** SHA-256 of the description. */
  readonly hash: Buffer;
}

/** `path`: with the name of its interface. */
export type NamedMember = (Method | Event | Stream) & { readonly name: string; readonly path: string };
export type Callable = Extract<NamedMember, { kind: 'method' | 'stream' }>;
export type AnyInterface = Interface;

/** Ordinals are 16 bits; this is far below, and far above what anybody reads. */
const MOST_MEMBERS = 1024;
const MOST_NAME = 100;

class DefinedInterface<M extends Members> implements Interface<M> {
  readonly name: string;
  readonly members: M;
  readonly table: readonly NamedMember[];
  #description: string | undefined;
  #hash: Buffer | undefined;

  constructor(name: string, members: M) {
    this.name = name;
    this.members = Object.freeze({ ...members });
    this.table = Object.freeze(
      Object.entries(members).map(([member, definition]) =>
        Object.freeze({ ...definition, name: member, path: `${name}.${member}` }),
      ),
    );
  }

  // Not before it is asked for: an interface may name itself, or one that is defined after it.
  get description(): string {
    this.#description ??= describeInterface(this);
    return this.#description;
  }

  get hash(): Buffer {
    this.#hash ??= hashOf(this.description);
    return this.#hash;
  }
}

/**
 * @param name with a version of yours, such as `thumbnails@1`
 * @param members of `t.method`, `t.event` and `t.stream`
 */
export function defineInterface<const M extends Members>(name: string, members: M): Interface<M> {
  if (typeof name !== 'string' || !/^[\w@./-]+$/.test(name) || name.length > MOST_NAME) {
    throw new InvalidArgument(`an interface is named by up to ${MOST_NAME} letters, digits and . _ - / @`);
  }
  const entries = Object.entries(members);
  if (entries.length > MOST_MEMBERS) throw new InvalidArgument(`${name} has more than ${MOST_MEMBERS} members`);
  for (const [member, definition] of entries) {
    requireName(member, 'member');
    if (typeof definition !== 'object' || definition === null || !('kind' in definition)) {
      throw new InvalidArgument(`${name}.${member}: use t.method, t.event or t.stream`);
    }
  }
  return Object.freeze(new DefinedInterface(name, members));
}

export function isInterface(value: unknown): value is AnyInterface {
  return value instanceof DefinedInterface;
}
