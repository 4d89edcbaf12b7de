/** The honest one: it counts visits. */

import type { Remote } from 'sallyport/protocols';
import { sandboxMeHere } from 'sallyport/sandboxee';
import { Log, Plugin, type Store } from './plugins.js';

const gate = await sandboxMeHere();
const log = gate.connect(Log);
let visits: Remote<typeof Store> | undefined;

gate.serve(Plugin, {
  begin: async ({ store }) => {
    visits = store;
    await log.line({ text: 'the book is open' });
  },
  handle: async ({ request: name }) => {
    if (visits === undefined) throw new Error('nobody has begun');
    const times = Number((await visits.get({ key: name })).value ?? 0) + 1;
    await visits.set({ key: name, value: String(times) });
    return { answer: `was here ${times} ${times === 1 ? 'time' : 'times'}` };
  },
});
