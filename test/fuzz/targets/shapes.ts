import type { AnyInterface } from '../../../protocols/schema/interface.js';
import type { Choices } from '../choices.js';

/** A type as its interface describes it: enough to write values of it, and what is nearly one. */
export type ShapeNode =
  | { readonly kind: 'number'; readonly bytes: number }
  | { readonly kind: 'bytes' | 'fd' | 'remote' }
  | { readonly kind: 'optional'; readonly of: ShapeNode }
  | { readonly kind: 'record'; readonly fields: readonly ShapeNode[] };

export interface MemberShape {
  readonly name: string;
  readonly kind: 'method' | 'stream' | 'event';
  /** Of an event, its value. */
  readonly input: ShapeNode;
  /** Of a stream, its item. */
  readonly output: ShapeNode;
}

/** By ordinal, from the canonical description. Throws for a type that this knows nothing of. */
export function shapesOf(target: AnyInterface): readonly MemberShape[] {
  return target.table.map((member, ordinal) => {
    const line = target.description.split('\n')[ordinal + 1]?.trim() ?? '';
    const cursor = { text: line.slice(member.name.length + 1), at: 0 };
    if (member.kind === 'event') {
      cursor.at = 'event '.length;
      const value = parse(cursor);
      return { name: member.name, kind: member.kind, input: value, output: value };
    }
    cursor.at = 1;
    const input = parse(cursor);
    cursor.at = cursor.text.indexOf('> ', cursor.at) + 2;
    if (member.kind === 'stream') cursor.at += 'stream '.length;
    return { name: member.name, kind: member.kind, input, output: parse(cursor) };
  });
}

interface Cursor {
  readonly text: string;
  at: number;
}

function parse(cursor: Cursor): ShapeNode {
  const node = bare(cursor);
  if (cursor.text[cursor.at] !== '?') return node;
  cursor.at += 1;
  return { kind: 'optional', of: node };
}

function bare(cursor: Cursor): ShapeNode {
  if (cursor.text[cursor.at] === '{') return record(cursor);
  const [found, name = '', bits] = /^([a-z]+)(\d*)(?:\([^)]*\))?/.exec(cursor.text.slice(cursor.at)) ?? [''];
  cursor.at += found.length;
  if (name === 'int' || name === 'uint') return { kind: 'number', bytes: Number(bits) / 8 };
  if (name === 'string' || name === 'bytes') return { kind: 'bytes' };
  if (name === 'fd' || name === 'remote') return { kind: name };
  throw new Error(`'${cursor.text}' has a type at ${cursor.at} that is not known here`);
}

function record(cursor: Cursor): ShapeNode {
  const fields: ShapeNode[] = [];
  cursor.at += 1;
  while (cursor.text[cursor.at] !== '}') {
    cursor.at = cursor.text.indexOf(': ', cursor.at) + 2;
    fields.push(parse(cursor));
    if (cursor.text[cursor.at] === ',') cursor.at += 2;
  }
  cursor.at += 1;
  return { kind: 'record', fields };
}

export interface Written {
  readonly bytes: Buffer;
  readonly fds: number;
  readonly remotes: number;
}

/** A value of this shape. */
export function sampleOf(shape: ShapeNode, choices: Choices): Written {
  const parts: Buffer[] = [];
  const handles = { fds: 0, remotes: 0 };
  write(shape, choices, parts, handles);
  return { bytes: Buffer.concat(parts), ...handles };
}

function write(shape: ShapeNode, choices: Choices, parts: Buffer[], handles: { fds: number; remotes: number }): void {
  switch (shape.kind) {
    case 'number':
      parts.push(Buffer.concat([Buffer.from([choices.below(8)]), Buffer.alloc(shape.bytes - 1)]));
      return;
    case 'bytes': {
      const length = choices.once(16) ? 3000 : choices.below(5);
      const head = Buffer.alloc(4);
      head.writeUInt32LE(length, 0);
      parts.push(head, Buffer.alloc(length, 'a'));
      return;
    }
    case 'fd':
      parts.push(Buffer.from([handles.fds++]));
      return;
    case 'remote':
      parts.push(Buffer.from([handles.remotes++]));
      return;
    case 'optional': {
      const isThere = choices.once(2);
      parts.push(Buffer.from([isThere ? 1 : 0]));
      if (isThere) write(shape.of, choices, parts, handles);
      return;
    }
    case 'record':
      for (const field of shape.fields) write(field, choices, parts, handles);
  }
}
