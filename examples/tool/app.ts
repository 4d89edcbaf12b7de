/**
 * ImageMagick's `convert`, as Debian installs it, confined by a policy file: it sees its libraries, its configuration and an
 * empty /tmp, reads one picture from its stdin and writes another to its stdout. It has no network and can start nothing.
 */
import { createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describeResult, Fd, launch, MiB, Policy, program, SallyportError } from 'sallyport';

const CONVERT = '/usr/bin/convert-im6.q16';
/** From dist/examples/tool to the sources. */
const HERE = fileURLToPath(new URL('../../../examples/', import.meta.url));
const OWN_PICTURE = join(HERE, 'thumbnails/images/sunrise.jpg');
const LARGEST_ANSWER = 32 * MiB;

await new Command('tool')
  .description("Makes thumbnails by ImageMagick's convert, which is confined by a policy file")
  .argument('[pictures...]', 'pictures to make thumbnails of', [OWN_PICTURE])
  .option('--out <folder>', 'where the thumbnails go', 'thumbnails')
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof SallyportError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });

async function main(pictures: readonly string[], { out }: { readonly out: string }): Promise<void> {
  if (!existsSync(CONVERT)) {
    console.error(`${CONVERT} is not there; Debian: apt-get install imagemagick`);
    process.exitCode = 1;
    return;
  }
  const policy = Policy.parse(readFileSync(join(HERE, 'tool/convert.policy.json'), 'utf8'));
  mkdirSync(out, { recursive: true });
  for (const path of pictures) {
    const target = join(out, `${basename(path)}.webp`);
    const { picture, ended } = await convert(policy, path);
    if (picture.length > 0) writeFileSync(target, picture);
    else process.exitCode = 1;
    console.log(
      `${path}: ${picture.length > 0 ? `${picture.length} bytes → ${target}` : 'nothing came of it'}; ${ended}`,
    );
  }
}

async function convert(policy: Policy, path: string): Promise<{ picture: Buffer; ended: string }> {
  const tool = program(CONVERT, {
    args: ['-', '-auto-orient', '-thumbnail', '320', 'webp:-'],
    fds: { stdin: Fd.open(path), stdout: 'pipe' },
  });
  await using sandboxee = await launch(tool, { policy, limits: { memory: 512 * MiB, wallTime: 20_000 } });
  let said = '';
  sandboxee.events.on('output', (_stream, text) => {
    said += text;
  });
  const picture = await readAll(sandboxee.fds.get('stdout'));
  const result = await sandboxee.result;
  return { picture, ended: `${describeResult(result)}${said === '' ? '' : `; it said: ${said.trim()}`}` };
}

/** What comes is a picture that a hostile one may have made: it is kept, and not looked at. */
async function readAll(fd: Fd | undefined): Promise<Buffer> {
  if (fd === undefined) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream('', { fd: fd.release() })) {
    size += chunk.length;
    if (size > LARGEST_ANSWER) return Buffer.alloc(0);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
