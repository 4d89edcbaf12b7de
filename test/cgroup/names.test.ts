import { expect } from 'chai';
import { isAbandoned, isOwnGroup, newGroupName } from '../../broker/cgroup/names.js';

describe('the name of a control group', () => {
  it('is one that no other has, and is known as our own', () => {
    const [one, other] = [newGroupName(), newGroupName()];
    expect(one).to.not.equal(other);
    expect(isOwnGroup(one) && isOwnGroup(other)).to.equal(true);
    expect(isAbandoned(one)).to.equal(false);
  });

  it('of a broker that is gone is abandoned, also where its pid was given to another', () => {
    const [namespace, pid, started] = newGroupName().split('-');
    expect(isAbandoned(`${namespace}-${pid}-${Number(started) + 1}-0-1`), 'an earlier one with our pid').to.equal(true);
    expect(isAbandoned(`${namespace}-4194305-1-0-1`), 'a pid that there cannot be').to.equal(true);
    expect(isOwnGroup(`${namespace}-${pid}-${Number(started) + 1}-0-1`)).to.equal(false);
  });

  it('of a broker in another pid namespace, or of no broker at all, is left alone', () => {
    const [, pid, started] = newGroupName().split('-');
    expect(isAbandoned(`1-${pid}-${Number(started) + 1}-0-1`)).to.equal(false);
    expect(isAbandoned('somebody')).to.equal(false);
    expect(isAbandoned('../../x')).to.equal(false);
  });
});
