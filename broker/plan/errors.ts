import { SallyportError } from '../../protocols/errors.js';

/** A plan that cannot be made: thrown before anything is started. */
export class PlanError extends SallyportError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_SALLYPORT_PLAN', message, options);
  }
}
