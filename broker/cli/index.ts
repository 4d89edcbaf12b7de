#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { explainCommand } from './explain.js';
import { CommandFailure, EXIT_FAILURE } from './failure.js';
import { printError } from './output.js';
import { policyCommand } from './policy.js';

const program = new Command('sallyport').description('say what policies do, and look after them');

/** Commander would write lines of its own, and exit with 1, by which `policy check` means something else. */
function failInOneLine(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} });
  for (const each of command.commands) failInOneLine(each);
}

function fail(lines: readonly string[]): void {
  for (const line of lines) printError(line);
  process.exitCode = EXIT_FAILURE;
}

function usageProblem({ code, message }: CommanderError): string {
  const problem =
    code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '').replace(/\s+/g, ' ');
  return `${problem}; sallyport --help tells more`;
}

// Whoever reads the output has seen enough: `sallyport explain policy.json | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

program.addCommand(explainCommand()).addCommand(policyCommand());
failInOneLine(program);

try {
  program.parse();
} catch (error) {
  if (error instanceof CommandFailure) fail(error.lines);
  else if (!(error instanceof CommanderError)) throw error;
  else if (error.exitCode !== 0) fail([usageProblem(error)]);
}
