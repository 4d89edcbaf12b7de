const SMALLEST = 8;

/** First in, first out, in a ring that doubles: nothing is allocated while it holds few items, as it mostly does. */
export class Queue<T> {
  #items: (T | undefined)[] = new Array(SMALLEST);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#resize(this.#length * 2);
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length++;
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length--;
    if (this.#length === 0 && this.#items.length > SMALLEST) this.#resize(SMALLEST);
    return item;
  }

  remove(item: T): void {
    const kept = this.#inOrder().filter((each) => each !== item);
    if (kept.length === this.#length) return;
    this.#items.fill(undefined);
    this.#head = 0;
    this.#length = 0;
    for (const each of kept) this.push(each);
  }

  /** Empties the queue and returns what was in it, in order. */
  drain(): T[] {
    const items = this.#inOrder();
    this.#length = 0;
    this.#resize(SMALLEST);
    return items;
  }

  #inOrder(): T[] {
    const items: T[] = [];
    for (let index = 0; index < this.#length; index++) {
      const item = this.#items[(this.#head + index) & (this.#items.length - 1)];
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  #resize(capacity: number): void {
    const items: (T | undefined)[] = this.#inOrder();
    items.length = capacity;
    this.#items = items;
    this.#head = 0;
  }
}
