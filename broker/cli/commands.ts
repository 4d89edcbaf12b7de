import { Command, CommanderError } from 'commander';
import { explainCommand } from './explain.js';
import { CommandFailure } from './failure.js';
import { policyCommand } from './policy.js';

/** The commands that look after policies, and the help of all. */
export function runCommand(): void {
  // Whoever reads the output has seen enough: `sallyport explain policy.json | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  const program = new Command('sallyport').description(
    'run programs confined, say what policies do, and look after them',
  );
  program.addCommand(elsewhere('run', 'run a program confined; sallyport run --help tells more'));
  program.addCommand(elsewhere('doctor', 'say what this host can enforce, and how to mend what it cannot'));
  program.addCommand(explainCommand()).addCommand(policyCommand());
  failInOneLine(program);
  try {
    program.parse();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new CommandFailure(usageProblem(error));
  }
}

/** index.ts has it; here it is for the list. */
function elsewhere(name: string, description: string): Command {
  return new Command(name).description(description).argument('[ARG...]');
}

/** Commander would write lines of its own, and exit with 1, by which `policy check` means something else. */
function failInOneLine(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} });
  for (const each of command.commands) failInOneLine(each);
}

function usageProblem({ code, message }: CommanderError): string {
  const problem =
    code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '').replace(/\s+/g, ' ');
  return `${problem}; sallyport --help tells more`;
}
