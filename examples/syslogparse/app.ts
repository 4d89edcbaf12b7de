/**
 * Proposes firewall and AppArmor rules from a log. Logs are written by whoever can reach the machine, so that the parser is a
 * sandboxee: it gets the log's fd and nothing else. What it proposes the broker judges, and only the broker writes files.
 */
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import ipaddr from 'ipaddr.js';
import { describeResult, escapeText, Fd, launch, node, policies, SallyportError } from 'sallyport';
import { judge, type Range, type Rule } from './judge.js';
import { LogParser, type Proposal } from './proposals.js';
import { writeRules } from './rule-files.js';

/** From dist/examples/syslogparse to where the log is. */
const OWN_LOG = fileURLToPath(new URL('../../../examples/syslogparse/logs/sample.log', import.meta.url));
/** More than this nobody reads through. */
const MOST_PROPOSALS = 10_000;
const OWN_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

interface Options {
  readonly out: string;
  readonly threshold: number;
  readonly keep: readonly Range[];
}

await new Command('syslogparse')
  .description('Proposes iptables and AppArmor rules from a system log, parsing it in a sandboxee')
  .argument('[log]', 'a kernel, system or auth log (default: the sample of this example)', OWN_LOG)
  .option('--out <folder>', 'where the rules go', 'syslogparse')
  .option('--threshold <times>', 'block who was seen so often', parseThreshold, 5)
  .option(
    '--keep <network...>',
    'never block these',
    parseNetwork,
    OWN_NETWORKS.map((range) => ipaddr.parseCIDR(range)),
  )
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof SallyportError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });

async function main(path: string, { out, threshold, keep }: Options): Promise<void> {
  using log = Fd.open(path);
  await using sandboxee = await launch(node(new URL('./syslogparse.worker.js', import.meta.url)), {
    policy: policies.node().build(),
    limits: { wallTime: 60_000, cpuTime: 30_000 },
  });
  const parser = sandboxee.connect(LogParser);
  const rules: Rule[] = [];
  let proposals = 0;
  for await (const proposal of parser.proposals({ log, threshold })) {
    if (++proposals > MOST_PROPOSALS) {
      console.log(`\nThere are more than ${MOST_PROPOSALS} proposals: the others are left out.`);
      break;
    }
    const judgement = judge(proposal, keep);
    if (judgement.verdict === 'accepted') rules.push(judgement.rule);
    else console.log(`refused ${textOf(proposal)}: ${judgement.reason}`);
  }
  const { lines, understood } = await parser.summary();
  console.log(`\n${lines} lines, of which ${understood} say something.`);
  for (const file of writeRules(out, rules)) console.log(`wrote ${file}`);
  sandboxee.comms.close();
  console.log(`The parser ${describeResult(await sandboxee.result)}. Read the rules before you load them.`);
}

function textOf(proposal: Proposal): string {
  if (proposal.kind === 'block') return `to block ${escapeText(proposal.address, { max: 64 })}`;
  return `to grant ${escapeText(proposal.path, { max: 256 })} to ${escapeText(proposal.profile, { max: 256 })}`;
}

function parseThreshold(text: string): number {
  const threshold = Number(text);
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > 1_000_000)
    throw new InvalidArgumentError('a whole number from 1 to 1000000');
  return threshold;
}

function parseNetwork(text: string, before: readonly Range[]): readonly Range[] {
  if (!ipaddr.isValidCIDR(text)) throw new InvalidArgumentError('a network such as 192.0.2.0/24');
  return [...before, ipaddr.parseCIDR(text)];
}
