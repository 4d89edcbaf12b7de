import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ipaddr from 'ipaddr.js';
import { InvalidArgument, ProtocolError } from '../../broker/index.js';
import { judge } from '../../examples/syslogparse/judge.js';
import { parseLine } from '../../examples/syslogparse/parser.js';
import { LogParser, type Proposal, type Service } from '../../examples/syslogparse/proposals.js';
import { decode, encode } from '../../protocols/schema/index.js';
import { leakGate } from '../support/leak-gate.js';

const SSH: Service = { protocol: 'tcp', port: 22 };
const KEPT = [ipaddr.parseCIDR('10.0.0.0/8'), ipaddr.parseCIDR('2001:db8:1::/48')];
const block = (address: string): Proposal => ({ kind: 'block', address, service: SSH, seen: 9 });
const grant = (profile: string, path: string, access = 'r'): Proposal => ({
  kind: 'grant',
  profile,
  path,
  access,
  seen: 1,
});

function verdict(proposal: Proposal): string {
  const judgement = judge(proposal, KEPT);
  return judgement.verdict === 'accepted' ? judgement.rule.line : `refused: ${judgement.reason}`;
}

describe('syslogparse', () => {
  leakGate();

  it('reads what sshd, PAM, the FTP server, the packet filter and AppArmor write', () => {
    const attack = (address: string, service: Service) => ({ kind: 'attack', address, service });
    const lines: [string, unknown][] = [
      ['Nov 1 1:1:1 h sshd[1]: Failed password for root from 192.0.2.7 port 4 ssh2', attack('192.0.2.7', SSH)],
      ['Nov 1 1:1:1 h sshd[1]: Invalid user a b from 2001:db8::1 port 4', attack('2001:db8::1', SSH)],
      [
        'Jun 14 1:1:1 h sshd(pam_unix)[1]: authentication failure; uid=0 rhost=192.0.2.8  user=root',
        attack('192.0.2.8', SSH),
      ],
      [
        'Jun 14 1:1:1 h ftpd[1]: connection from 192.0.2.9 () at Fri',
        attack('192.0.2.9', { protocol: 'tcp', port: 21 }),
      ],
      [
        'h kernel: X IN=e SRC=192.0.2.5 DST=1 PROTO=UDP SPT=1 DPT=53 LEN=1',
        attack('192.0.2.5', { protocol: 'udp', port: 53 }),
      ],
      [
        'h kernel: apparmor="DENIED" operation="open" profile="/bin/x" name="/a/b" pid=1 requested_mask="rw" denied_mask="rw"',
        { kind: 'denied', profile: '/bin/x', path: '/a/b', access: 'rw' },
      ],
      ['h cron[1]: nothing of interest', undefined],
    ];
    for (const [line, expected] of lines) expect(parseLine(line), line).to.deep.equal(expected);
  });

  it('makes rules only of addresses in their usual form, outside the networks that are kept', () => {
    expect(verdict(block('192.0.2.7'))).to.equal(
      '-A INPUT -s 192.0.2.7/32 -p tcp --dport 22 -m comment --comment "seen 9 times" -j DROP',
    );
    expect(verdict(block('2001:db8::7'))).to.include('-s 2001:db8::7/128 ');
    const hostile = [
      '10.1.2.3',
      '2001:db8:1::5',
      '0.0.0.0',
      '127.0.0.1',
      '255.255.255.255',
      '192.0.2.0/0',
      '192.0.2',
      '0x7f.1',
    ];
    const more = [
      '010.0.0.1',
      '::ffff:10.0.0.1',
      '::',
      '1.1.1.1 -j ACCEPT',
      '1.1.1.1\n-A INPUT',
      '',
      'localhost',
      'fe80::1%eth0',
    ];
    for (const address of [...hostile, ...more]) expect(verdict(block(address)), address).to.match(/^refused: /);
  });

  it('grants only plain paths that are no secret, by plain access, to plain profiles', () => {
    expect(verdict(grant('/usr/sbin/ntpd', '/etc/ntp.conf'))).to.equal('  /etc/ntp.conf r,');
    const paths = [
      '/etc/shadow',
      '/etc/shadow/x',
      '/etc/../etc/passwd',
      '/etc/*',
      '/a b',
      '/a"b',
      'a',
      '/a//b',
      '/a/',
      '/proc/1/mem',
    ];
    for (const path of [...paths, '/a,\n  /** rwx', '/{a,b}', '/@{HOME}/x'])
      expect(verdict(grant('x', path)), path).to.match(/^refused: /);
    for (const access of ['x', 'ux', 'wr', 'rr', 'r,', '', 'R'])
      expect(verdict(grant('x', '/a', access)), access).to.match(/^refused: /);
    for (const profile of ['/a/../b', 'a b', '..', '*', '/usr/bin/x{', 'x\n'])
      expect(verdict(grant(profile, '/a')), profile).to.match(/^refused: /);
  });

  it('takes nothing for a proposal that is not of the interface', () => {
    const { item } = LogParser.members.proposals;
    const hostile: unknown[] = [
      null,
      7,
      [],
      {},
      { kind: 'grant' },
      { kind: 'run', line: '-F' },
      { ...block('1.1.1.1'), service: { protocol: 'ip', port: 1 } },
      { ...block('1.1.1.1'), service: { protocol: 'tcp', port: 70_000 } },
      { ...block('1.1.1.1'), service: { protocol: 'tcp', port: 0 } },
      { ...block('1.1.1.1'), seen: -1 },
      { ...block('1.1.1.1'), seen: 1.5 },
      block('x'.repeat(5000)),
    ];
    for (const value of hostile) expect(() => encode(item, value), JSON.stringify(value)).to.throw(InvalidArgument);
    const whole = encode(item, { ...block('1.1.1.1'), surplus: 'is not taken along' });
    expect(decode(item, whole)).to.deep.equal(block('1.1.1.1'));
    for (let size = 0; size < whole.length; size++)
      expect(() => decode(item, whole.subarray(0, size)), `cut to ${size} bytes`).to.throw(ProtocolError);
    for (const [at, value] of [
      [0, 9],
      [1, 0xff],
      [4, 0x7f],
    ] as const) {
      const changed = Buffer.from(whole);
      changed[at] = value;
      expect(() => decode(item, changed), `${value} at ${at}`).to.throw(ProtocolError);
    }
  });

  describe('as a whole', () => {
    let out: string;
    before(() => {
      out = mkdtempSync(join(tmpdir(), 'sallyport-syslogparse-'));
    });
    after(() => rmSync(out, { recursive: true }));
    const app = fileURLToPath(new URL('../../examples/syslogparse/app.js', import.meta.url));
    const run = (...args: string[]) =>
      execFileSync(process.execPath, [app, '--out', out, ...args], { encoding: 'utf8' });

    it('writes the files that the parser never could, and says what it refused', () => {
      const said = run();
      expect(said).to.include('refused to block 192.168.1.20: it is a private address');
      expect(said).to.include('refused to grant /etc/shadow to /usr/sbin/ntpd');
      expect(said).to.include('The parser exited with code 0');
      expect(readdirSync(out).sort()).to.deep.equal(['apparmor.local.usr.sbin.ntpd', 'iptables.rules']);
      const table = readFileSync(join(out, 'iptables.rules'), 'utf8');
      expect(table).to.match(
        /^\*filter\n-A INPUT -s 203\.0\.113\.77\/32 .*\n-A INPUT -s 198\.51\.100\.9\/32 .*\nCOMMIT\n$/,
      );
    });

    it('takes the threshold and the networks to keep', () => {
      const said = run('--threshold', '2', '--keep', '203.0.113.0/24');
      expect(said).to.include('refused to block 203.0.113.77: it is in 203.0.113.0/24');
      expect(readFileSync(join(out, 'ip6tables.rules'), 'utf8')).to.include(
        '-s 2001:db8:0:1::bad/128 -p udp --dport 161',
      );
    });

    it('ends on a log of one endless line, and on one of no text at all', () => {
      const log = join(out, 'endless.log');
      writeFileSync(log, Buffer.alloc(8 * 1024 * 1024, 'sshd[1]: Failed password for a from 1'));
      expect(run(log)).to.include('The parser exited with code 0');
      writeFileSync(log, Buffer.from(Array.from({ length: 1024 * 1024 }, (_, index) => (index * 7919) & 0xff)));
      expect(run(log)).to.include('The parser exited with code 0');
    });
  });
});
