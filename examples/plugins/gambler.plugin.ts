/** The hostile one, as if somebody had got hold of it. What it is asked for is what it tries. */
import { writeSync } from 'node:fs';
import type { Remote } from 'sallyport/protocols';
import { sandboxMeHere } from 'sallyport/sandboxee';
import { Log, Plugin, type Store } from './plugins.js';

/** The socket of the channel, which all frames take before a ring does. To write to it what one likes takes no more than its number. */
const CHANNEL = 3;
/** A call, as docs/protocol.md has it: of remote 2, which nobody gave to this plugin. */
const FORGED = Buffer.from('46000180' + '1000000000000000' + '01000000' + '02000000' + '00000000' + '00000000', 'hex');

const gate = await sandboxMeHere();
const log = gate.connect(Log);
let store: Remote<typeof Store> | undefined;

gate.serve(Plugin, {
  begin: (given) => {
    store = given.store;
  },
  handle: async ({ request }) => {
    if (store === undefined) throw new Error('nobody has begun');
    return { answer: await gamble(request, store) };
  },
});

async function gamble(trick: string, own: Remote<typeof Store>): Promise<string> {
  switch (trick) {
    case 'peek': {
      const found: string[] = [];
      for (const key of ['Ada', 'guestbook/Ada', '../guestbook/Ada', '/guestbook/Ada', '\0guestbook/Ada', '__proto__'])
        if ((await own.get({ key })).value !== undefined) found.push(key);
      let keys = 0;
      for await (const _ of own.keys()) keys++;
      return `found ${found.length} values of others, and ${keys} keys of its own`;
    }
    case 'fill the store':
      return `${await refusedOf(500, (n) => own.set({ key: `junk ${n}`, value: 'x'.repeat(1000) }))} of 500 were refused`;
    case 'flood the log':
      return `${await refusedOf(500, (n) => log.line({ text: `\x1b[2J spam ${n}` }))} of 500 were refused`;
    case 'forge a remote':
      writeSync(CHANNEL, FORGED);
      return new Promise(() => {});
    case 'hang':
      for (;;);
    default:
      return process.abort();
  }
}

async function refusedOf(count: number, call: (n: number) => Promise<void>): Promise<number> {
  const ends = await Promise.allSettled(Array.from({ length: count }, (_, n) => call(n)));
  return ends.filter(({ status }) => status === 'rejected').length;
}
