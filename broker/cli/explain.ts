import { Command } from 'commander';
import { disassemble } from '../policy/bpf/disassembler.js';
import { TooIntricate } from '../policy/bpf/regions.js';
import { RequestError } from '../policy/index.js';
import { CommandFailure } from './failure.js';
import { print } from './output.js';
import { type PolicyFile, readPolicyFile } from './policy-file.js';

const HELP = `
A SYSCALL is a name, or a call with as many of its arguments as are known:

  sallyport explain policy.json
  sallyport explain policy.json fcntl ioctl
  sallyport explain policy.json 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY)'
  sallyport explain policy.json mmap prot=5
  sallyport explain policy.json --bpf`;

export function explainCommand(): Command {
  return new Command('explain')
    .description('say what a policy does: with every syscall, or with these')
    .argument('<policy.json>', 'the document')
    .argument('[SYSCALL...]', 'names or calls; name=value goes with the syscall before it')
    .option('--bpf', 'show the filter that the kernel gets')
    .addHelpText('after', HELP)
    .action((path: string, words: readonly string[], { bpf }: { readonly bpf?: boolean }) => {
      const file = readPolicyFile(path);
      if (bpf === true && words.length > 0) {
        throw new CommandFailure('--bpf shows the whole filter: leave the syscalls out');
      }
      print(bpf === true ? disassemble(file.policy.compile().program) : explainAll(file, requestsIn(words)));
    });
}

/** `mmap prot=5 read` are two requests. */
function requestsIn(words: readonly string[]): readonly string[] {
  const requests: string[] = [];
  for (const word of words) {
    const isSetting = /^\w+=/.test(word);
    const last = isSetting ? requests.pop() : undefined;
    if (isSetting && last === undefined) {
      throw new CommandFailure(`'${word}' goes with a syscall, which comes before it`);
    }
    requests.push(last === undefined ? word : `${last} ${word}`);
  }
  return requests;
}

function explainAll({ policy, lineOf }: PolicyFile, requests: readonly string[]): string {
  if (requests.length === 0) return policy.overview(lineOf);
  try {
    return requests.map((request) => policy.explain(request).toString(lineOf)).join('\n\n');
  } catch (error) {
    if (error instanceof RequestError || error instanceof TooIntricate) throw new CommandFailure(error.message);
    throw error;
  }
}
