import { readlinkSync } from 'node:fs';
import { expect } from 'chai';
import { dangerouslyAllowSpeculation, describeLayer, type Layer, type LayerName } from '../../broker/index.js';
import { leakGate } from '../support/leak-gate.js';
import { statusField } from '../support/processes.js';
import { launchPuppet } from '../support/puppet.js';

function layerOf(layers: readonly Layer[], name: LayerName): Layer {
  const found = layers.find((layer) => layer.name === name);
  if (found === undefined) throw new Error(`nothing is said of ${name}`);
  return found;
}

const NAMESPACES: readonly (readonly [LayerName, string])[] = [
  ['user-namespace', 'user'],
  ['mount-namespace', 'mnt'],
  ['pid-namespace', 'pid'],
  ['network-namespace', 'net'],
  ['ipc-namespace', 'ipc'],
  ['uts-namespace', 'uts'],
  ['cgroup-namespace', 'cgroup'],
];

describe('the layers of a sandboxee', () => {
  leakGate();

  it('say of each namespace whether it has its own, and so it is', async () => {
    await using sandboxee = await launchPuppet();
    for (const [name, file] of NAMESPACES) {
      const own = readlinkSync(`/proc/${sandboxee.pid}/ns/${file}`) !== readlinkSync(`/proc/self/ns/${file}`);
      expect(layerOf(sandboxee.layers, name).state, name).to.equal(own ? 'on' : 'off');
    }
  });

  it('name the uid that it has to itself, and no other sandboxee has it', async () => {
    await using first = await launchPuppet();
    await using second = await launchPuppet();
    const uids = [first, second].map(({ pid }) => statusField(pid, 'Uid').split('\t')[0]);
    const [layer] = [layerOf(first.layers, 'own-uid')];
    if (process.geteuid?.() === 0) {
      expect(layer).to.include({ state: 'on' });
      expect(describeLayer(layer)).to.contain(`uid ${uids[0]}`);
      expect(uids[0]).to.not.equal(uids[1]);
    } else {
      expect(describeLayer(layer)).to.contain('own-uid: off (only a root broker');
    }
  });

  it('say that it has no capabilities, and it has none and cannot get any', async () => {
    await using sandboxee = await launchPuppet();
    expect(layerOf(sandboxee.layers, 'capabilities').state).to.equal('on');
    const bounded = describeLayer(layerOf(sandboxee.layers, 'capabilities')).includes('bounding set') ? ['CapBnd'] : [];
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb', ...bounded]) {
      expect(statusField(sandboxee.pid, set), set).to.equal('0'.repeat(16));
    }
    expect(statusField(sandboxee.pid, 'NoNewPrivs')).to.equal('1');
  });

  it('say what filters are in force, and so many are', async () => {
    await using sandboxee = await launchPuppet();
    expect(layerOf(sandboxee.layers, 'stage-0').state).to.equal('on');
    expect(describeLayer(layerOf(sandboxee.layers, 'seccomp'))).to.contain(
      "policy 'node' in every thread, on top of one filter",
    );
    expect(statusField(sandboxee.pid, 'Seccomp_filters')).to.equal('2');
  });

  it('say of speculation what the kernel says', async () => {
    await using sandboxee = await launchPuppet();
    const controlled = statusField(sandboxee.pid, 'Speculation_Store_Bypass').includes('mitigated');
    expect(layerOf(sandboxee.layers, 'speculation').state).to.equal(controlled ? 'on' : 'off');
  });

  it('say that speculation was allowed by its token', async () => {
    await using sandboxee = await launchPuppet({ speculation: dangerouslyAllowSpeculation });
    expect(describeLayer(layerOf(sandboxee.layers, 'speculation')))
      .to.contain('off')
      .and.to.contain('dangerouslyAllowSpeculation');
  });

  it('have each name once, a reason wherever one is off, and are in the result', async () => {
    const sandboxee = await launchPuppet();
    const names = sandboxee.layers.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    for (const layer of sandboxee.layers) {
      expect(layer.state === 'on' ? layer.detail : layer.reason).to.match(/\w/);
    }
    const { layers } = await sandboxee.close();
    expect(layers).to.deep.equal(sandboxee.layers);
  });
});
