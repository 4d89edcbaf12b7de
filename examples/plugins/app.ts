/**
 * Hosts two plugins that trust neither each other nor the host. Each has a sandboxee of its own, and of the host's things only
 * what it is handed: a store narrowed to its prefix, and a log. One of them is hostile; the other goes on.
 */
import { HostedPlugin } from './host.js';
import { Values } from './store.js';

const values = new Values();
const print = (line: string): void => console.log(line);
await using guestbook = new HostedPlugin('guestbook', new URL('./guestbook.plugin.js', import.meta.url), values, print);
await using gambler = new HostedPlugin('gambler', new URL('./gambler.plugin.js', import.meta.url), values, print);

await guestbook.ask('Ada');
for (const trick of ['peek', 'forge a remote', 'fill the store', 'flood the log', 'hang', 'crash']) {
  await Promise.all([gambler.ask(trick), guestbook.ask('Ada')]);
}
await gambler.ask('peek');
await guestbook.ask('Grace');
