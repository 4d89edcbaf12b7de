import { SallyportError } from '../../protocols/errors.js';

/** One thing that is wrong with a policy, and where. */
export interface PolicyProblem {
  /** The builder's call as it would be written, `allowSyscall('ptrace')`; of a document the path, `/rules/3/syscalls/0`. */
  readonly call: string;
  readonly message: string;
}

/** A policy that cannot be. It lists all that is wrong with it, not the first thing alone. */
export class PolicyError extends SallyportError {
  readonly problems: readonly PolicyProblem[];

  constructor(policy: string, problems: readonly PolicyProblem[]) {
    const lines = problems.map(({ call, message }) => `  ${call}: ${message}`);
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super('ERR_SALLYPORT_POLICY', [`policy '${policy}' has ${count}:`, ...lines].join('\n'));
    this.name = 'PolicyError';
    this.problems = problems;
  }
}

/** A call that one asks about and that cannot be read. */
export class RequestError extends SallyportError {
  constructor(message: string) {
    super('ERR_SALLYPORT_REQUEST', message);
    this.name = 'RequestError';
  }
}
