/** JSON text, read with the line of every value, and with a key that comes twice as the error that it is. */

import type { Json } from './json.js';
import { escapeKey } from './shape.js';

export interface JsonText {
  readonly value: Json;
  /** By JSON Pointer: the line where the value begins, from 1 on. */
  readonly lines: ReadonlyMap<string, number>;
}

/** The text is no JSON. The message begins with the line and the column. */
export class JsonTextError extends Error {
  constructor(line: number, column: number, problem: string) {
    super(`line ${line}, column ${column}: ${problem}`);
    this.name = 'JsonTextError';
  }
}

/** Throws `JsonTextError`. */
export function parseJsonText(text: string): JsonText {
  return new Parser(text).document();
}

/** Deeper than any policy, and less than the stack. */
const DEEPEST = 256;

const SPACE = /[ \t\r\n]*/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;

class Parser {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  #at = 0;
  /** Of the last value, and where that line ends: to count from the start for each would take the square of the text. */
  #line = 1;
  #lineEnd: number;

  constructor(text: string) {
    this.#text = text;
    this.#lineEnd = this.#endOfLine(0);
  }

  document(): JsonText {
    const value = this.#value('', 0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('the document has ended, and there is more');
    return { value, lines: this.#lines };
  }

  #value(path: string, depth: number): Json {
    this.#skipSpace();
    if (depth > DEEPEST) this.#fail(`it is nested deeper than ${DEEPEST}`);
    this.#lines.set(path, this.#lineHere());
    if (this.#take('{')) return this.#object(path, depth);
    if (this.#take('[')) return this.#list(path, depth);
    const scalar = this.#match(STRING) ?? this.#match(NUMBER) ?? this.#match(WORD);
    if (scalar === undefined) this.#fail(`${this.#next()} is no JSON value`);
    return this.#parse(scalar);
  }

  /** Escapes and control characters are for the engine to judge. */
  #parse(scalar: string): Json {
    try {
      return JSON.parse(scalar) as Json;
    } catch {
      this.#fail('a text has a control character or an escape that JSON does not know', this.#at - scalar.length);
    }
  }

  #object(path: string, depth: number): Json {
    const members = new Map<string, Json>();
    this.#skipSpace();
    if (this.#take('}')) return {};
    do {
      this.#skipSpace();
      const before = this.#at;
      const written = this.#match(STRING);
      if (written === undefined) this.#fail(`a key in quotes is missing before ${this.#next()}`);
      const key = String(this.#parse(written));
      if (members.has(key)) this.#fail(`the key "${key}" is there twice`, before);
      this.#skipSpace();
      if (!this.#take(':')) this.#fail(`a colon is missing before ${this.#next()}`);
      members.set(key, this.#value(`${path}/${escapeKey(key)}`, depth + 1));
      this.#skipSpace();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail(`a comma or } is missing before ${this.#next()}`);
    return Object.fromEntries(members);
  }

  #list(path: string, depth: number): Json {
    const items: Json[] = [];
    this.#skipSpace();
    if (this.#take(']')) return items;
    do {
      items.push(this.#value(`${path}/${items.length}`, depth + 1));
      this.#skipSpace();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail(`a comma or ] is missing before ${this.#next()}`);
    return items;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #next(): string {
    const character = this.#text[this.#at];
    return character === undefined ? 'the end' : JSON.stringify(character);
  }

  #fail(problem: string, at = this.#at): never {
    const { line, column } = this.#position(at);
    throw new JsonTextError(line, column, problem);
  }

  #lineHere(): number {
    for (; this.#lineEnd < this.#at; this.#lineEnd = this.#endOfLine(this.#lineEnd + 1)) this.#line += 1;
    return this.#line;
  }

  #endOfLine(from: number): number {
    const end = this.#text.indexOf('\n', from);
    return end < 0 ? Infinity : end;
  }

  #position(at = this.#at): { readonly line: number; readonly column: number } {
    const before = this.#text.slice(0, at);
    const newline = before.lastIndexOf('\n');
    return { line: before.split('\n').length, column: at - newline };
  }
}
