import type { Proposal, Service } from './proposals.js';

/** What one line of a log says, where it says anything of interest. */
type Finding =
  | { readonly kind: 'attack'; readonly address: string; readonly service: Service }
  | { readonly kind: 'denied'; readonly profile: string; readonly path: string; readonly access: string };

const SSH: Service = { protocol: 'tcp', port: 22 };
const FTP: Service = { protocol: 'tcp', port: 21 };
const ADDRESS = '([0-9a-fA-F.:]{2,45})';

/** As sshd, PAM and the kernel write them. The first that matches counts. */
const PATTERNS: readonly { readonly pattern: RegExp; readonly finding: (found: readonly string[]) => Finding }[] = [
  {
    pattern: new RegExp(`sshd\\[\\d+\\]: (?:Failed \\S+ for .* from|Invalid user .* from) ${ADDRESS}(?: |$)`),
    finding: ([, address = '']) => ({ kind: 'attack', address, service: SSH }),
  },
  {
    pattern: new RegExp(`sshd(?:\\(pam_unix\\))?\\[\\d+\\]: .*authentication failure;.* rhost=${ADDRESS}(?: |$)`),
    finding: ([, address = '']) => ({ kind: 'attack', address, service: SSH }),
  },
  {
    pattern: new RegExp(`ftpd\\[\\d+\\]: connection from ${ADDRESS} `),
    finding: ([, address = '']) => ({ kind: 'attack', address, service: FTP }),
  },
  {
    pattern: /kernel: .*\bSRC=(\S+) .*\bPROTO=(TCP|UDP) .*\bDPT=(\d{1,5})\b/,
    finding: ([, address = '', protocol, port]) => ({
      kind: 'attack',
      address,
      service: { protocol: protocol === 'UDP' ? 'udp' : 'tcp', port: Number(port) },
    }),
  },
  {
    pattern: /apparmor="DENIED" .*?\bprofile="([^"]+)" name="([^"]+)" .*?\brequested_mask="([a-z]+)"/,
    finding: ([, profile = '', path = '', access = '']) => ({ kind: 'denied', profile, path, access }),
  },
];

export function parseLine(line: string): Finding | undefined {
  for (const { pattern, finding } of PATTERNS) {
    const found = pattern.exec(line);
    if (found) return finding(found);
  }
  return undefined;
}

/** Gathers what the lines say until somebody asks for proposals. */
export class Gatherer {
  readonly #attacks = new Map<string, { address: string; service: Service; seen: number }>();
  readonly #denials = new Map<string, { profile: string; path: string; access: string; seen: number }>();
  #lines = 0;
  #understood = 0;

  add(line: string): void {
    this.#lines += 1;
    const finding = parseLine(line);
    if (finding === undefined) return;
    this.#understood += 1;
    if (finding.kind === 'attack') {
      const { address, service } = finding;
      const known = this.#attacks.get(`${address} ${JSON.stringify(service)}`) ?? { address, service, seen: 0 };
      known.seen += 1;
      this.#attacks.set(`${address} ${JSON.stringify(service)}`, known);
    } else {
      const { profile, path, access } = finding;
      const known = this.#denials.get(`${profile} ${path} ${access}`) ?? { profile, path, access, seen: 0 };
      known.seen += 1;
      this.#denials.set(`${profile} ${path} ${access}`, known);
    }
  }

  /** Who attacked at least so often is proposed to be blocked; every denial of AppArmor to be granted. */
  *proposals(threshold: number): Iterable<Proposal> {
    const attacks = [...this.#attacks.values()].filter(({ seen }) => seen >= threshold);
    for (const attack of attacks.sort((a, b) => b.seen - a.seen)) yield { kind: 'block', ...attack };
    for (const denial of this.#denials.values()) yield { kind: 'grant', ...denial };
  }

  get summary(): { readonly lines: number; readonly understood: number } {
    return { lines: this.#lines, understood: this.#understood };
  }
}
