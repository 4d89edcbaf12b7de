import { SallyportError } from '../protocols/errors.js';
import { describeResult, type Result } from './result.js';

/** An option of `launch()` or of an executor that cannot be honoured. Thrown before anything is started. */
export class OptionError extends SallyportError {
  /** The path of the option, e.g. `limits.memory`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super('ERR_SALLYPORT_OPTION', `${option}: ${problem}`);
    this.name = 'OptionError';
    this.option = option;
  }
}

/** The sandboxee ended before *go*; `result` says how, and is the same object that `Sandboxee.result` would have held. */
export class LaunchError extends SallyportError {
  readonly result: Result;

  constructor(result: Result) {
    super('ERR_SALLYPORT_LAUNCH', `the sandboxee never got through the gate: ${describeResult(result)}`);
    this.name = 'LaunchError';
    this.result = result;
  }
}
