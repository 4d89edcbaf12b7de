/**
 * The untrusted half: it reads a log that anybody may have written into, by regular expressions, and proposes rules. It gets
 * the log's fd and the channel; it can open nothing, and write no rule.
 */
import { readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { sandboxMeHere } from 'sallyport/sandboxee';
import { Gatherer } from './parser.js';
import { LogParser } from './proposals.js';

/** Of RFC 3164. Regular expressions take the square of it, on lines that were made for that. */
const LONGEST_LINE = 1024;

const gate = await sandboxMeHere();
const gatherer = new Gatherer();
gate.serve(LogParser, {
  *proposals({ log, threshold }) {
    using owned = log;
    for (const line of linesOf(owned.number)) gatherer.add(line);
    yield* gatherer.proposals(threshold);
  },
  summary: () => gatherer.summary,
});

/** What goes beyond the longest line is left out. */
function* linesOf(fd: number): Iterable<string> {
  const decoder = new StringDecoder('utf8');
  const bytes = Buffer.alloc(64 * 1024);
  let rest = '';
  for (let size = readSync(fd, bytes); size > 0; size = readSync(fd, bytes)) {
    const lines = (rest + decoder.write(bytes.subarray(0, size))).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) yield line.slice(0, LONGEST_LINE);
  }
  if (rest !== '') yield rest;
}
