import { expect } from 'chai';
import { type Controller, counterOf, settingsOf, unthrottled, type Version } from '../../broker/cgroup/controllers.js';
import { MiB } from '../../broker/index.js';

function written(controller: Controller, version: Version, limit: number): string[] {
  return settingsOf(controller, version, limit).map(
    ({ file, value, optional }) => `${file} = ${value}${optional ? ', if there' : ''}`,
  );
}

describe('what a control group is told', () => {
  it('of memory: a bound for it and swap together, or without swap; version 2 kills all of a group', () => {
    expect(written('memory', 1, 100 * MiB)).to.deep.equal([
      'memory.limit_in_bytes = 104857600',
      'memory.memsw.limit_in_bytes = 104857600, if there',
    ]);
    expect(written('memory', 2, 100 * MiB)).to.deep.equal([
      'memory.max = 104857600',
      'memory.swap.max = 0, if there',
      'memory.oom.group = 1',
    ]);
  });

  it('of memory is a whole number of pages, however large those are, and never more than was asked', () => {
    expect(written('memory', 2, 100 * MiB + 65_535)[0]).to.equal('memory.max = 104857600');
  });

  it('of processes: as many as asked, and the launcher', () => {
    for (const version of [1, 2] as const) expect(written('pids', version, 20)).to.deep.equal(['pids.max = 21']);
  });

  it('of CPUs: the share of each tenth of a second', () => {
    expect(written('cpu', 1, 0.5)).to.deep.equal(['cpu.cfs_period_us = 100000', 'cpu.cfs_quota_us = 50000']);
    expect(written('cpu', 2, 2.25)).to.deep.equal(['cpu.max = 225000 100000']);
    expect(written('cpu', 2, 0.01), 'the least that the kernel takes is 1 ms').to.deep.equal(['cpu.max = 1000 100000']);
  });

  it('before it dies: to be as fast as it can', () => {
    expect(unthrottled(1)).to.include({ file: 'cpu.cfs_quota_us', value: '-1' });
    expect(unthrottled(2)).to.include({ file: 'cpu.max', value: 'max 100000' });
  });
});

describe('what a control group tells', () => {
  it('is read by the whole word', () => {
    const events = 'low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 1\n';
    expect(counterOf(events, 'oom')).to.equal(2);
    expect(counterOf(events, 'oom_kill')).to.equal(1);
    expect(counterOf(events, 'max')).to.equal(17);
    expect(counterOf(events, 'kill')).to.equal(0);
    expect(counterOf('', 'max')).to.equal(0);
  });
});
