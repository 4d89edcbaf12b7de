#!/usr/bin/env node
/**
 * docs/ipc.svg from what `npm run bench -- ipc --json FILE` wrote: node scripts/ipc-picture.mjs FILE [OUTPUT]
 * A column for each placement, a panel for each row: how many times better than each peer, by payload, on a logarithmic scale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';

const PEERS = new Map([
  ['fork-advanced', ['child_process.fork, advanced', '#b3541e']],
  ['worker-copy', ['worker_threads, copy', '#2b6cb0']],
  ['worker-transfer', ['worker_threads, transfer', '#4fa3d1']],
  ['net-msgpackr', ['net + msgpackr', '#6b8e23']],
  ['piscina', ['piscina', '#8e5ea2']],
  ['c-socket', ['C, raw socketpair', '#777777']],
]);
const PANELS = [
  ['round-trip', 'call', 'a call and its answer'],
  ['round-trip', 'callSync', 'a call, the sandboxee blocked meanwhile'],
  ['pipelined', 'call', 'calls, many in flight'],
  ['one-way', 'call', 'items of a stream'],
  ['bulk', 'copy-out', '64 MiB of shared memory, copied out'],
  ['bulk', 'zero-copy', '64 MiB of shared memory, zero copy'],
];
const PLACEMENTS = { 'two-cpus': 'two CPUs', 'one-cpu': 'one CPU' };

const WIDTH = 1000;
/** Each placement has a column, in it room for the payloads on the left and for a bar's figure on the right. */
const COLUMN = 490;
const LEFT = 70;
const RIGHT = 45;
const BAR = 9;
const GROUP_GAP = 8;
const PANEL_GAP = 46;
/** Ratios at the two ends of the scale. */
const LEAST = 0.01;
const MOST = 1000;

const [, , file, output = 'docs/ipc.svg'] = argv;
if (file === undefined) throw new Error('usage: node scripts/ipc-picture.mjs FILE [OUTPUT]');
const results = JSON.parse(readFileSync(file, 'utf8'));

const shapes = [];
let y = legend(24);
for (const [row, variant, what] of PANELS) {
  const ends = Object.entries(PLACEMENTS).map(([placement, where], column) => {
    const found = results.filter((r) => r.row === row && r.variant === variant && r.placement === placement);
    return found.length > 0 ? panel(`${what}, ${where}`, found, y + PANEL_GAP, 15 + column * COLUMN) : y;
  });
  y = Math.max(...ends);
}
writeFileSync(output, document(y + 30));

function x(ratio, origin) {
  const clamped = Math.min(MOST, Math.max(LEAST, ratio));
  const share = Math.log(clamped / LEAST) / Math.log(MOST / LEAST);
  return origin + LEFT + share * (COLUMN - LEFT - RIGHT);
}

function legend(top) {
  text(15, top, 'Sallyport: how many times faster than', 'title');
  let at = 15;
  for (const [label, colour] of PEERS.values()) {
    shapes.push(`<rect x="${at}" y="${top + 13}" width="10" height="10" fill="${colour}"/>`);
    text(at + 15, top + 22, label);
    at += 27 + label.length * 6.4;
  }
  return top + 22;
}

function panel(title, found, top, origin) {
  text(origin, top - 8, title, 'title');
  let at = top + 6;
  const bars = [];
  for (const { payload, ratios } of found) {
    const peers = [...PEERS].filter(([peer]) => Number.isFinite(ratios[peer]));
    text(origin + LEFT - 10, at + (peers.length * BAR) / 2 + 4, size(payload), 'end');
    for (const [peer, [, colour]] of peers) {
      bars.push([at, ratios[peer], colour]);
      at += BAR;
    }
    at += GROUP_GAP;
  }
  for (let mark = LEAST; mark <= MOST; mark *= 10) {
    const kind = Math.abs(mark - 1) < 1e-9 ? 'one' : 'grid';
    shapes.push(
      `<line class="${kind}" x1="${fix(x(mark, origin))}" x2="${fix(x(mark, origin))}" y1="${top}" y2="${at}"/>`,
    );
    text(x(mark, origin), at + 12, `${Number(mark.toPrecision(1))}×`, 'middle');
  }
  for (const [barTop, ratio, colour] of bars) {
    const [from, to] = [x(1, origin), x(ratio, origin)].sort((a, b) => a - b);
    const width = fix(Math.max(1, to - from));
    shapes.push(`<rect x="${fix(from)}" y="${barTop}" width="${width}" height="${BAR - 2}" fill="${colour}"/>`);
    text(to + 4, barTop + BAR - 2, `${Number(ratio.toPrecision(2))}×`, 'small');
  }
  return at + 12;
}

function text(left, top, content, kind = 'plain') {
  shapes.push(`<text class="${kind}" x="${fix(left)}" y="${fix(top)}">${content}</text>`);
}

function fix(number) {
  return Number(number.toFixed(1));
}

function size(bytes) {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

function document(height) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<style>
text { fill: #222 } .title { font-weight: bold; font-size: 14px } .small { font-size: 8px }
.end { text-anchor: end } .middle { text-anchor: middle; fill: #666; font-size: 10px }
.grid { stroke: #ddd } .one { stroke: #444 }
</style>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${shapes.join('\n')}
</svg>
`;
}
