import { escapeText } from '../../protocols/text.js';
import type { Check } from './doctor/check.js';
import { CommandFailure } from './failure.js';
import { say } from './output.js';

const HELP = `Usage: sallyport doctor [--json]

Tries everything that confinement is made of on this host, and says what works, what it means, and how to mend what does not.
Ends with 0 where the tier full works, else with 1.

  --json      for machines
  -h, --help  this
`;

interface Diagnosis {
  readonly tiers: { readonly full: boolean; readonly base: boolean };
  readonly checks: readonly Check[];
}

/** `sallyport doctor`: resolves with the exit status. */
export async function doctor(words: readonly string[]): Promise<number> {
  if (words.includes('-h') || words.includes('--help')) {
    say(HELP);
    return 0;
  }
  const other = words.find((word) => word !== '--json');
  if (other !== undefined) throw new CommandFailure(`unknown option '${other}'; sallyport doctor --help tells more`);
  const checks = await examine();
  const works = (tier: Check['for']): boolean => checks.every((each) => each.works || each.for !== tier);
  const proven = checks.some((each) => each.for === 'base');
  const diagnosis: Diagnosis = { tiers: { full: works('full'), base: proven && works('base') }, checks };
  say(words.includes('--json') ? `${JSON.stringify(diagnosis, null, 2)}\n` : tableOf(diagnosis));
  return diagnosis.tiers.full ? 0 : 1;
}

/** Where the addon does not load there is nothing else to try. */
async function examine(): Promise<readonly Check[]> {
  const name = 'native addon';
  try {
    await import('../../native/broker.js');
  } catch (error) {
    const meaning = error instanceof Error ? error.message : String(error);
    return [
      { name, works: false, for: 'full', meaning, mend: 'npm run build, with a C++ compiler and the headers of Node' },
    ];
  }
  const [host, confinement, launches] = await Promise.all([
    import('./doctor/host.js'),
    import('./doctor/confinement.js'),
    import('./doctor/launches.js'),
  ]);
  return [
    ...host.hostChecks(),
    { name, works: true, for: 'full', meaning: 'it loads', mend: '' },
    ...host.kernelChecks(),
    ...host.processChecks(),
    ...(await confinement.confinementChecks()),
    ...(await launches.launchChecks()),
  ];
}

function tableOf({ tiers, checks }: Diagnosis): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, works, for: needed, meaning, mend }) => {
    const mark = works ? '✓' : needed === 'full' ? '✗' : '–';
    const line = `${mark} ${name.padEnd(width)}  ${escapeText(meaning, { max: 400 })}`.trimEnd();
    return mend === '' ? [line] : [line, `  ${' '.repeat(width)}  mend: ${mend}`];
  });
  const verdict = tiers.full ? 'works' : 'does not work: mend what is marked ✗';
  return `${lines.join('\n')}\n\ntier full ${verdict}${checks.some(({ works, for: needed }) => !works && needed === 'better') ? '; what is marked – makes it better' : ''}\ntier base ${tiers.base ? 'works' : 'does not work'}\n`;
}
