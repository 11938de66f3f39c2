import { describe, expect, it } from 'vitest';
import { freeName, ago, lasted, mib, bytes } from '../parts/format';
import { compare, matches } from '../parts/text';
import { cellsOf } from './addressMap';
import { declaredOf, labelsOf, manifestOf, type Draft } from './manifest';

const DRAFT: Draft = {
  name: 'web',
  project: 'shop',
  image: 'debian-12',
  size: 'small',
  network: '',
  ipv4: '',
  profiles: [],
  volumes: [],
  hypervisor: '',
  firmware: '',
  labels: '',
};

describe('the manifest that the form makes', () => {
  it('says only what differs from what is so anyway', () => {
    expect(manifestOf(DRAFT)).toEqual({
      apiVersion: 'millwright/v1',
      kind: 'Machine',
      metadata: { name: 'web', project: 'shop' },
      spec: { image: 'debian-12', size: 'small' },
    });
  });
  it('says all that was filled in', () => {
    const full = { ...DRAFT, network: 'lab', ipv4: ' 10.0.0.5 ', profiles: ['me'], labels: 'app=web, edge' };
    expect(manifestOf(full)).toMatchObject({
      metadata: { labels: { app: 'web', edge: '' } },
      spec: { profiles: ['me'], nics: [{ network: 'lab', ipv4: '10.0.0.5' }] },
    });
  });
  it('takes labels with or without a value', () => {
    expect(labelsOf(' a = b ,, c')).toEqual({ a: 'b', c: '' });
  });
  it('leaves out what nobody declared', () => {
    const seen = { apiVersion: 'millwright/v1', kind: 'Size', metadata: { name: 's', project: 'p', labels: {}, uid: 'u' }, spec: {}, status: {} };
    expect(declaredOf(seen)).toEqual({ apiVersion: 'millwright/v1', kind: 'Size', metadata: { name: 's', project: 'p' }, spec: {} });
  });
});

describe('the map of a subnet', () => {
  const subnet = {
    cidr: '10.0.0.0/29',
    gateway: '10.0.0.1',
    from: '10.0.0.1',
    to: '10.0.0.6',
    exclude: ['10.0.0.4-10.0.0.5'],
    taken: [{ address: '10.0.0.2', state: 'bound' as const, machine: 'web', iface: 'nic0' }],
  };
  it('tells of each address whose it is', () => {
    expect(cellsOf(subnet as never)!.map((c) => c.state)).toEqual([
      'reserved', 'gateway', 'bound', 'free', 'reserved', 'reserved', 'free', 'reserved',
    ]);
    expect(cellsOf(subnet as never)![2]!.who).toBe('web (nic0)');
  });
  it('is not drawn where it would be too large', () => {
    expect(cellsOf({ ...subnet, cidr: '10.0.0.0/16' } as never)).toBeNull();
    expect(cellsOf({ ...subnet, cidr: 'fd00::/64' } as never)).toBeNull();
  });
});

describe('words and numbers', () => {
  it('sorts as people count, what is missing last', () => {
    expect(['web-10', undefined, 'web-2'].sort(compare)).toEqual(['web-2', 'web-10', undefined]);
  });
  it('finds all words, wherever they stand', () => {
    expect(matches('WEB lab', ['web-1', 'lab'])).toBe(true);
    expect(matches('web nowhere', ['web-1', 'lab'])).toBe(false);
  });
  it('tells spans of time', () => {
    const now = Date.parse('2026-11-28T12:00:00Z');
    expect(ago('2026-11-28T11:57:00Z', now)).toBe('3 min ago');
    expect(lasted('2026-11-28T11:57:55Z', '2026-11-28T12:00:00Z')).toBe('2 min 5 s');
  });
  it('reads and writes sizes', () => {
    expect(mib('4GiB')).toBe(4096);
    expect(bytes(1536)).toBe('1.5 GiB');
  });
  it('proposes a name that nobody has', () => {
    expect(freeName('web', new Set(['web', 'web-2']))).toBe('web-3');
  });
});
