import type { Carrier } from './carrier.js';
import { filled, type Message, message, source, verify } from './message.js';

export interface Messenger {
  readonly carrier: Carrier;
  /** To be called with each message that comes. */
  arrived(message: Message): void;
  /** Fails what waits for an answer of the other side, and whatever is asked later. */
  gone(): void;
}

/** Carries by whole messages, whose answers come in order. With `transfer` a message consumes its buffer. */
export function messenger(
  post: (message: Message) => void,
  close: () => Promise<void>,
  transfer: 'copy' | 'transfer' = 'copy',
): Messenger {
  const waiting: { resolve(message: Message): void; reject(reason: Error): void }[] = [];
  let gone: Error | undefined;
  let returned: Uint8Array<ArrayBuffer> | undefined;
  const consumes = transfer === 'transfer';

  const outgoing = (kind: 'echo' | 'sink', size: number, buffer: 'any' | 'fresh'): Message => {
    if (!consumes) return message(kind, source(size));
    const again = buffer === 'any' && returned?.length === size ? returned : undefined;
    returned = undefined;
    return { ...message(kind, again ?? filled(size)), transfer: true };
  };
  const ask = (question: Message): Promise<Message> =>
    new Promise((resolve, reject) => {
      if (gone !== undefined) throw gone;
      waiting.push({ resolve, reject });
      post(question);
    });

  return {
    arrived: (answer) => waiting.shift()?.resolve(answer),
    gone() {
      gone = new Error('the other side has ended');
      for (const { reject } of waiting.splice(0)) reject(gone);
    },
    carrier: {
      async trip(size, buffer) {
        const { data } = await ask(outgoing('echo', size, buffer));
        if (consumes) returned = data;
      },
      async oneWay(size, count) {
        for (let sent = 0; sent < count; sent += 1) post(outgoing('sink', size, 'fresh'));
        await ask(message('sync'));
      },
      async bulk(size) {
        const question = message('bulk', undefined, size);
        const { data } = await ask({ ...question, transfer: consumes });
        verify(data, size);
      },
      close,
    },
  };
}
