import { service } from 'sallyport/protocols';
import { Store } from './plugins.js';

const MOST_ENTRIES = 100;

/** All that plugins keep, by their names. */
export class Values {
  readonly #values = new Map<string, string>();

  /**
   * The capability of one plugin. What the plugin names is always put behind its prefix, so that there is no key by which it
   * could mean another's; the quota is its own as well.
   */
  narrow(plugin: string) {
    const prefix = `${plugin}/`;
    const own = (): string[] => [...this.#values.keys()].filter((key) => key.startsWith(prefix));
    return service(Store, {
      get: ({ key }) => {
        const value = this.#values.get(prefix + key);
        return value === undefined ? {} : { value };
      },
      set: ({ key, value }, context) => {
        if (!this.#values.has(prefix + key) && own().length >= MOST_ENTRIES)
          throw context.fail('full', `there are ${MOST_ENTRIES} values`);
        this.#values.set(prefix + key, value);
      },
      keys: () => own().map((key) => key.slice(prefix.length)),
    });
  }
}
