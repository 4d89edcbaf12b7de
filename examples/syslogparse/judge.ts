import { posix } from 'node:path';
import ipaddr from 'ipaddr.js';
import type { Proposal, Service } from './proposals.js';

/** A rule that the broker has made, from values that it has checked; nothing of the peer's text is copied as it is. */
export type Rule =
  | { readonly kind: 'iptables'; readonly family: 4 | 6; readonly line: string }
  | { readonly kind: 'apparmor'; readonly profile: string; readonly line: string };

export type Judgement =
  | { readonly verdict: 'accepted'; readonly rule: Rule }
  | { readonly verdict: 'refused'; readonly reason: string };

export type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** As AppArmor may grant them: read, write, append, lock, map executable. No execution, which needs a mode that a person chooses. */
const ACCESSES = /^(?=.)r?w?a?k?m?$/;
const PROFILE = /^\/?(?!\.)[A-Za-z0-9_.-]+(?:\/(?!\.)[A-Za-z0-9_.-]+)*$/;
/** No globs, no quotes, no spaces: a name that AppArmor reads in no other way. */
const PLAIN_PATH = /^\/[A-Za-z0-9_.+@%-]+(?:\/[A-Za-z0-9_.+@%-]+)*$/;
/** What no log entry shall open to a program. */
const NEVER_GRANTED = [
  '/etc/shadow',
  '/etc/gshadow',
  '/etc/sudoers',
  '/etc/sudoers.d',
  '/root',
  '/proc',
  '/sys',
  '/dev',
  '/boot',
];

/** Whether a proposal becomes a rule. `kept`: networks that are never blocked, such as one's own. */
export function judge(proposal: Proposal, kept: readonly Range[]): Judgement {
  return proposal.kind === 'block'
    ? judgeBlock(proposal.address, proposal.service, proposal.seen, kept)
    : judgeGrant(proposal.profile, proposal.path, proposal.access);
}

function judgeBlock(text: string, service: Service, seen: number, kept: readonly Range[]): Judgement {
  // Only the canonical form: `010.0.0.1`, `1.2` and `::ffff:10.0.0.1` mean one thing here and another elsewhere.
  if (!ipaddr.isValid(text) || ipaddr.parse(text).toString() !== text)
    return refused('it is no address in its usual form');
  const address = ipaddr.parse(text);
  // `reserved`: those of documentation, which the sample log is made of. Dropping what comes from there harms nobody.
  if (address.range() !== 'unicast' && address.range() !== 'reserved')
    return refused(`it is a ${address.range()} address`);
  const own = kept.find((range) => address.kind() === range[0].kind() && address.match([range[0], range[1]]));
  if (own) return refused(`it is in ${own[0]}/${own[1]}, which is never blocked`);
  const family = address.kind() === 'ipv4' ? 4 : 6;
  const where = service.protocol === 'any' ? '' : ` -p ${service.protocol} --dport ${service.port}`;
  const line = `-A INPUT -s ${address}/${family === 4 ? 32 : 128}${where} -m comment --comment "seen ${seen} times" -j DROP`;
  return { verdict: 'accepted', rule: { kind: 'iptables', family, line } };
}

function judgeGrant(profile: string, path: string, access: string): Judgement {
  if (!PROFILE.test(profile)) return refused('the profile has no plain name');
  if (!PLAIN_PATH.test(path) || posix.normalize(path) !== path) return refused('the path is not plain and absolute');
  const sensitive = NEVER_GRANTED.find((place) => path === place || path.startsWith(`${place}/`));
  if (sensitive) return refused(`${sensitive} is never granted because a log says so`);
  if (!ACCESSES.test(access)) return refused('the access is none that may be granted');
  return { verdict: 'accepted', rule: { kind: 'apparmor', profile, line: `  ${path} ${access},` } };
}

function refused(reason: string): Judgement {
  return { verdict: 'refused', reason };
}
