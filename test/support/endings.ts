import { expect } from 'chai';
import type { LimitName, Result, Sandboxee } from '../../broker/index.js';

/** Waits for the end, and fails unless it is that limit, with what was asked and no less used. */
export async function expectLimit(sandboxee: Sandboxee, which: LimitName, asked: number): Promise<Result> {
  const result = await sandboxee.result;
  expect(result).to.include({ status: 'limit', which, asked });
  if (result.status === 'limit') expect(result.used).to.be.at.least(asked);
  return result;
}

/** Waits for the end, and fails unless it broke the protocol in this way. */
export async function expectProtocolViolation(sandboxee: Sandboxee, detail: RegExp): Promise<void> {
  const result = await sandboxee.result;
  expect(result).to.include({ status: 'violation', kind: 'protocol' });
  if (result.status === 'violation' && result.kind === 'protocol') expect(result.detail).to.match(detail);
}
