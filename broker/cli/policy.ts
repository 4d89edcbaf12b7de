import { Command } from 'commander';
import { print } from './output.js';
import { placeIn, readPolicyFile } from './policy-file.js';

/** 0: nothing found; 1: findings, a line each. */
export function policyCommand(): Command {
  const check = new Command('check')
    .description('tell what is dangerous in a policy, and which of its rules no call reaches')
    .argument('<policy.json>', 'the document')
    .action((path: string) => {
      const { policy, lineOf } = readPolicyFile(path);
      const findings = policy.check();
      for (const { kind, call, message } of findings) print(`${placeIn(path, call, lineOf)}: ${kind}: ${message}`);
      process.exitCode = findings.length === 0 ? 0 : 1;
    });
  return new Command('policy').description('look after policy documents').addCommand(check);
}
