import { expect } from 'chai';
import { parseHierarchies } from '../../broker/cgroup/hierarchies.js';

const UNIFIED = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';

describe('the trees of control groups', () => {
  it('of a host that has version 2 alone are one, with the group of the broker', () => {
    expect(parseHierarchies(UNIFIED, '0::/user.slice/user-1000.slice/app.scope\n')).to.deep.equal([
      {
        version: 2,
        controllers: [],
        top: '/sys/fs/cgroup',
        own: '/sys/fs/cgroup/user.slice/user-1000.slice/app.scope',
      },
    ]);
  });

  it('of a hybrid host are one for each set of controllers, and that of version 2', () => {
    const mounts = [
      '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd',
      '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ];
    const own = ['9:name=systemd:/a', '4:memory:/b/c', '2:cpu,cpuacct:/', '0::/'];
    expect(parseHierarchies(mounts.join('\n'), own.join('\n'))).to.deep.equal([
      { version: 1, controllers: ['name=systemd'], top: '/sys/fs/cgroup/systemd', own: '/sys/fs/cgroup/systemd/a' },
      { version: 1, controllers: ['memory'], top: '/sys/fs/cgroup/memory', own: '/sys/fs/cgroup/memory/b/c' },
      {
        version: 1,
        controllers: ['cpu', 'cpuacct'],
        top: '/sys/fs/cgroup/cpu,cpuacct',
        own: '/sys/fs/cgroup/cpu,cpuacct',
      },
      { version: 2, controllers: [], top: '/sys/fs/cgroup/unified', own: '/sys/fs/cgroup/unified' },
    ]);
  });

  it('of a container, which sees a part of the tree, are what it sees', () => {
    const part = '30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw';
    const [whole] = parseHierarchies(part, '0::/docker/abc\n');
    const [below] = parseHierarchies(part, '0::/docker/abc/leaf\n');
    expect(whole?.own).to.equal('/sys/fs/cgroup');
    expect(below?.own).to.equal('/sys/fs/cgroup/leaf');
    expect(parseHierarchies(part, '0::/docker/abcd\n'), 'a sibling').to.deep.equal([]);
    expect(parseHierarchies(part, '0::/../other\n'), 'above the namespace').to.deep.equal([]);
  });

  it('are found at a place whose name has a blank', () => {
    const [found] = parseHierarchies('30 23 0:26 / /a\\040b rw - cgroup2 cgroup2 rw', '0::/x\n');
    expect(found?.own).to.equal('/a b/x');
  });

  it('are none where nothing is mounted, or what is there makes no sense', () => {
    expect(parseHierarchies('', '0::/\n')).to.deep.equal([]);
    expect(parseHierarchies(UNIFIED, '')).to.deep.equal([]);
    expect(parseHierarchies('nonsense\n1 2 - cgroup2', 'x\n0:::\n')).to.deep.equal([]);
  });
});
