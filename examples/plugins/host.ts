import { describeResult, escapeText, launch, node, policies, RemoteError, type Sandboxee } from 'sallyport';
import { type Remote, service } from 'sallyport/protocols';
import { Log, Plugin } from './plugins.js';
import type { Values } from './store.js';

/** For one request. Milliseconds. */
const PATIENCE = 2000;
/** Lines of one plugin, for each time that it is started. */
const MOST_LINES = 3;

interface Running {
  readonly sandboxee: Sandboxee;
  readonly plugin: Remote<typeof Plugin>;
}

/** One plugin, in a sandboxee of its own, which is started when it is needed and replaced when it has ended. */
export class HostedPlugin implements AsyncDisposable {
  readonly #name: string;
  readonly #script: URL;
  readonly #values: Values;
  readonly #print: (line: string) => void;
  #running: Running | null = null;

  constructor(name: string, script: URL, values: Values, print: (line: string) => void) {
    this.#name = name;
    this.#script = script;
    this.#values = values;
    this.#print = print;
  }

  /** Prints what it answers, or what became of it. */
  async ask(request: string): Promise<void> {
    const { sandboxee, plugin } = await this.#start();
    try {
      const { answer } = await plugin.handle({ request }, { timeout: PATIENCE });
      this.#say(`${request}: ${escapeText(answer, { max: 500 })}`);
    } catch (error) {
      if (error instanceof RemoteError) {
        this.#say(`${request}: failed as '${error.code}'`);
        return;
      }
      // No answer in time, or no plugin any more. Whatever it was, the next request has a new one.
      this.#running = null;
      sandboxee.kill('it did not answer');
      this.#say(`${request}: ${describeResult(await sandboxee.result)}`);
    }
  }

  async #start(): Promise<Running> {
    if (this.#running !== null) return this.#running;
    const sandboxee = await launch(node(this.#script), {
      policy: policies.node().build(),
      // There for whoever is inside. The store is not: that is handed over, to this plugin and for this plugin.
      services: [this.#log()],
    });
    const plugin = sandboxee.connect(Plugin);
    await plugin.begin({ store: this.#values.narrow(this.#name) });
    this.#running = { sandboxee, plugin };
    return this.#running;
  }

  #log() {
    let lines = 0;
    return service(Log, {
      line: ({ text }, context) => {
        if (++lines > MOST_LINES) throw context.fail('too-much', `${MOST_LINES} lines are enough`);
        this.#say(`logs "${escapeText(text, { max: 200 })}"`);
      },
    });
  }

  #say(text: string): void {
    this.#print(`${this.#name.padEnd(9)} ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.sandboxee[Symbol.asyncDispose]();
  }
}
