import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { constantsHeader } from '../../scripts/generate-constants.js';

describe('native/include/sallyport/constants.h', () => {
  it('is what the TypeScript tables say', () => {
    const header = new URL('../../../native/include/sallyport/constants.h', import.meta.url);
    expect(readFileSync(header, 'utf8')).to.equal(constantsHeader());
  });
});
