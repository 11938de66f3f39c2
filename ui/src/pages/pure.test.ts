import { describe, expect, it } from 'vitest';
import { browser, freeName, ago, lasted, mib, bytes, perSecond, sparkline, until } from '../parts/format';
import { reached } from '../parts/reached';
import { compare, matches, sentence, sorted, textOf } from '../parts/text';
import { listSearch, searchOf } from '../search';
import { cellsOf, orderOf } from './addressMap';
import type { Group, Operation } from '../api/kinds';
import { BUSY, standing, standingOf } from '../api/kinds';
import { declaredOf, labelsOf, loginOf, manifestsOf, type Draft } from './manifest';
import { livesOf } from './lives';
import { loadOf } from './load';
import { need } from './need';
import { placed } from './placed';
import { placeOf } from './place';
import { leaves, slices } from './typed';
import { costOf, limitsOf, quotaOf, typedOf, usedOf } from './quota';
import { memberStanding, progressOf, wayOf } from './rollout';
import { runsOut } from './soon';
import { whereOf } from './where';
import { causes } from './wrong';

const DRAFT: Draft = {
  name: 'web',
  project: 'shop',
  image: 'debian-12',
  size: 'small',
  network: '',
  ipv4: '',
  profiles: [],
  keys: '',
  own: 'anna',
  volumes: [],
  hypervisor: '',
  firmware: '',
  labels: '',
  ttl: '',
};
import { presetsOf } from './order';
import { lastMonths, money, pricesOf, pricesText } from './prices';
import { formOf, ruleOf, say } from './rules';

describe('the manifest that the form makes', () => {
  it('says only what differs from what is so anyway', () => {
    expect(manifestsOf(DRAFT)).toEqual([
      {
        apiVersion: 'millwright/v1',
        kind: 'Machine',
        metadata: { name: 'web', project: 'shop' },
        spec: { image: 'debian-12', size: 'small' },
      },
    ]);
  });
  it('says all that was filled in', () => {
    const full = { ...DRAFT, network: 'lab', ipv4: ' 10.0.0.5 ', profiles: ['me'], labels: 'app=web, edge' };
    expect(manifestsOf(full)).toMatchObject([
      {
        metadata: { labels: { app: 'web', edge: '' } },
        spec: { profiles: ['me'], nics: [{ network: 'lab', ipv4: '10.0.0.5' }] },
      },
    ]);
  });
  it('makes a profile of the keys of whoever fills it in', () => {
    expect(manifestsOf({ ...DRAFT, profiles: ['base'], keys: ' ssh-ed25519 AAAA anna@desk \n\nssh-rsa BBBB' })).toMatchObject([
      {
        kind: 'Profile',
        metadata: { name: 'anna', project: 'shop' },
        spec: { users: [{ name: 'anna', sudo: true, keys: ['ssh-ed25519 AAAA anna@desk', 'ssh-rsa BBBB'] }] },
      },
      { kind: 'Machine', spec: { profiles: ['base', 'anna'] } },
    ]);
    expect(['Anna.Müller@example.org', 'anna', '4711', '..x_y..'].map(loginOf)).toEqual(['anna-m-ller', 'anna', 'me', 'x-y']);
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
  it('has its addresses listed as they follow one another, and not as they are written', () => {
    const ordered = (ips: string[]) => sorted(ips, orderOf, false);
    expect(ordered(['10.0.0.10', '10.0.0.9', '9.255.0.1'])).toEqual(['9.255.0.1', '10.0.0.9', '10.0.0.10']);
    const v6 = ['fd00::', 'fd00::9', 'fd00::a', 'fd00::10', 'fd00::b0', 'fd00::a00', 'fd00:0:0:1::', 'fd00:1::2'];
    expect(ordered(v6.toReversed())).toEqual(v6);
    expect(orderOf('fd00:1:2:3:4:5:6:7')).toBe(orderOf('FD00:0001:2:3:4:5:6:7'));
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
    const columns = [{ value: (r: { name: string }) => r.name }, { value: () => 'Lab' }, { value: () => undefined }];
    const text = textOf({ name: 'Web-1' }, columns);
    expect(matches('WEB lab', text)).toBe(true);
    expect(matches('web nowhere', text)).toBe(false);
  });
  it('sorts rows by what they show, downward too with what is missing last, and looks at each once', () => {
    let looks = 0;
    const names = ['web-10', 'Web-2', '', 'db'].map((name) => ({ name }));
    const value = (r: { name: string }) => (looks++, r.name);
    expect(sorted(names, value, false).map((r) => r.name)).toEqual(['db', 'Web-2', 'web-10', '']);
    expect(looks).toBe(4);
    expect(sorted(names, value, true).map((r) => r.name)).toEqual(['web-10', 'Web-2', 'db', '']);
  });
  it('tells spans of time', () => {
    const now = Date.parse('2026-11-28T12:00:00Z');
    expect(ago('2026-11-28T11:57:00Z', now)).toBe('3 min ago');
    expect(until('2026-11-28T15:30:00Z', now)).toBe('in 3 h');
    expect(until('2026-11-28T11:59:59Z', now)).toBe('now');
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

const group = (over: { spec?: object; status?: object; reason?: string }): Group =>
  ({
    kind: 'Group',
    metadata: { name: 'web', project: 'shop' },
    spec: { count: 5, machine: { image: 'debian-12', size: 'small' }, ...over.spec },
    status: {
      members: 5,
      healthy: 4,
      updated: 2,
      revision: 3,
      paused: false,
      confirmed: 0,
      conditions: [{ type: 'Ready', value: 'false', reason: over.reason ?? 'RollingOut', message: 'So far', since: '' }],
      ...over.status,
    },
  }) as unknown as Group;

describe('the figure of machines with which something is going on', () => {
  it('leads to a list of just them', () => {
    const values = ['true', 'false', 'unknown'];
    const reasons = ['Ready', 'Pending', 'Creating', 'Failed'];
    const given = values.flatMap((value) => reasons.map((reason) => ({ type: 'Ready', value, reason, message: '', since: '' })));
    const also = ['Progressing', 'Held'].map((type) => ({ type, value: 'true', reason: '', message: '', since: '' }));
    const sets = [[], also.slice(0, 1), ...given.flatMap((c) => [[c], [c, also[0]!], [c, also[1]!]])];
    const all = sets.flatMap((conditions) =>
      [true, false].flatMap((deleting) => [true, false].map((off) => standingOf({ kind: 'Machine', deleting, off, conditions: conditions as never }))),
    );
    expect(new Set(all.filter((s) => s.health === 'busy').map((s) => s.word))).toEqual(new Set(BUSY));
    expect(all.filter((s) => s.health !== 'busy' && BUSY.includes(s.word))).toEqual([]);
  });
});

describe('a rollout', () => {
  it('tells how far it is, and how many must stay healthy', () => {
    expect(progressOf(group({}))).toMatchObject({ going: true, percent: 40, least: 4 });
    expect(progressOf(group({ spec: { rollout: { surge: 2 } } })).least).toBe(5);
    expect(progressOf(group({ spec: { rollout: { maxUnavailable: 9 } } })).least).toBe(0);
    expect(progressOf(group({ spec: { count: 0 } })).percent).toBe(100);
  });
  it('calls a member ill only if something is wrong with it', () => {
    expect(memberStanding({ state: 'unhealthy', message: '' }).health).toBe('busy');
    expect(memberStanding({ state: 'unhealthy', message: 'port 80 is closed' }).health).toBe('bad');
  });
  it('stands as its condition says, and not as that of a machine', () => {
    expect(standing(group({ reason: 'Paused' })).word).toBe('Paused');
    expect(standing(group({ reason: 'RolledBack' })).health).toBe('bad');
    expect(standing(group({ reason: 'RollingOut' })).health).toBe('busy');
  });
  it('says in words how a change comes to the members', () => {
    const rollout = { canary: 1, pause: 'canary', batchSize: 2, healthGate: { tcp: { port: 80 }, minHealthySeconds: 5 }, onFailure: 'rollback' };
    expect(wayOf(group({ spec: { rollout } }))).toEqual([
      '1 first, then it waits to be continued',
      'the others 2 at a time',
      'at most 1 unhealthy on its account',
      'healthy: port 80 takes connections for 5 s',
      'goes back when a member fails',
    ]);
  });
});

describe('a quota', () => {
  const used = { machines: 9, cores: 9, memory: '9GiB', disk: '9GiB', addresses: 18 };
  it('is compared in numbers', () => {
    expect(usedOf(used)).toMatchObject({ cores: 9, memory: 9216 });
    expect(limitsOf({ machines: 10, memory: '16GiB' })).toEqual({ machines: 10, memory: 16_384 });
  });
  const both = { subnets: [{ cidr: '10.0.0.0/24' }, { cidr: 'fd00::/64' }] };
  it('knows what one more machine takes', () => {
    const size = { cores: 2, memory: '4GiB', disk: '20GiB' };
    expect(costOf(size, both as never, '')).toEqual({ machines: 1, cores: 2, memory: 4096, disk: 20_480, addresses: 2 });
    expect(costOf(undefined, undefined, '')).toMatchObject({ cores: 0, addresses: 0 });
  });
  it('counts an address only where one is reserved', () => {
    const addresses = (network: object | undefined, ipv4: string) => costOf(undefined, network as never, ipv4).addresses;
    expect(['', 'auto', ' 10.0.0.5 '].map((way) => addresses(both, way))).toEqual([2, 2, 2]);
    expect(['none', 'slaac', ' dhcp '].map((way) => addresses(both, way))).toEqual([1, 1, 1]);
    // Of ours it has an address that is reserved; of another's nobody knows it.
    expect(addresses({ ...both, services: { driver: 'dnsmasq' } }, 'dhcp')).toBe(2);
    expect(addresses({ subnets: [both.subnets[1]], services: { driver: 'dnsmasq' } }, 'dhcp')).toBe(1);
    expect(addresses({ services: { driver: 'dnsmasq' } }, 'dhcp')).toBe(0);
  });
  it('leaves out what has no limit, and leaves wrong input to the server', () => {
    const before = { machines: 3, cores: 8 };
    expect(quotaOf({ machines: ' 20 ', cores: '', memory: '4GiB', disk: '', addresses: 'many', ttl: ' 8h ' }, before)).toEqual({
      machines: 20,
      memory: '4GiB',
      addresses: 'many',
      ttl: '8h',
    });
  });
  it('keeps what nobody has changed, and what the form does not know', () => {
    const before = { machines: 3, memory: '4GiB', ttl: '30d', later: 7 };
    expect(quotaOf(typedOf(before), before)).toEqual(before);
    expect(quotaOf({ ...typedOf(before), ttl: '' }, before)).toEqual({ machines: 3, memory: '4GiB', later: 7 });
  });
  it('is told of on the first page when it is nearly used', () => {
    const now = Date.parse('2026-11-28T12:00:00Z');
    const machine = (name: string, expiresAt: string) => ({ project: 'shop', name, expiresAt });
    const found = runsOut(
      [machine('b', '2026-11-29T12:00:00Z'), machine('a', '2026-11-28T13:00:00Z')],
      [],
      { name: 'shop', quota: { machines: 10, cores: 100 }, used },
      now,
    );
    expect(found.map((e) => e.what)).toEqual(['Machines of the quota', 'Machine a', 'Machine b']);
  });
});

describe('how long a new machine lives', () => {
  const offered = (longest?: string) => livesOf(longest).offered.map((l) => l.ttl);
  it('has no end unless somebody wants one, where no quota does', () => {
    expect(livesOf(undefined).preset).toBe('');
    expect(offered()).toEqual(['', '8h', '1d', '7d', '30d']);
  });
  it('is as long as the quota lets it, at most and to begin with', () => {
    expect(livesOf('36h').preset).toBe('36h');
    expect(offered('36h')).toEqual(['8h', '1d', '36h']);
    expect(offered('24h')).toEqual(['8h', '24h']);
    expect(offered('90m')).toEqual(['90m']);
    expect(livesOf('7d').offered.at(-1)!.words).toBe('a week, the longest here');
  });
});

describe('what is wrong', () => {
  const ill = (kind: string, names: string[], message: string, since = '2026-11-28T12:00:00Z') => ({
    kind,
    deleting: false,
    off: false,
    conditions: [{ type: 'Ready', value: 'false', reason: 'Failed', message, since }],
    count: names.length,
    some: names.map((name) => ({ project: 'shop', name })),
    next: 'Look at it.',
  });
  it('is also what is tried in vain, a source that cannot be read and a webhook that fails', () => {
    const operation = (name: string, attempts: number, state = 'waiting') =>
      ({
        metadata: { uid: name, name, project: 'shop', createdAt: '2026-11-28T12:00:00Z' },
        spec: { target: { kind: 'Image', name } },
        status: { state, message: 'no route', steps: [{ key: 'fetch', state: 'pending', attempts }] },
      }) as unknown as Operation;
    const source = ill('Source', ['infra'], 'no such repository');
    source.conditions[0]!.value = 'unknown';
    const found = causes([source, ill('Image', ['far'], 'no route'), ill('Webhook', ['chat'], 'its host is unknown')] as never, [operation('far', 25), operation('new', 2), operation('given-up', 25, 'failed')], 'shop');
    expect(found.map((c) => [c.kind, c.why, c.what[0]!.to])).toEqual([
      ['Image', 'Tried 25 times: no route', '/p/shop/operations/far'],
      ['Source', 'no such repository', '/p/shop/sources/infra'],
      ['Webhook', 'its host is unknown', '/p/shop/webhooks/chat'],
    ]);
  });
  it('is also a network whose DHCP and DNS do not run, though it is declared', () => {
    const net = ill('Network', ['lab'], 'dnsmasq does not run.');
    expect(causes([net] as never, [], 'shop').map((c) => [c.kind, c.why, c.what[0]!.to])).toEqual([['Network', 'dnsmasq does not run.', '/p/shop/networks/lab']]);
    const told = (value: string) => [
      { type: 'Ready', value: 'true', reason: 'Declared', message: '', since: '' },
      { type: 'Serving', value, reason: '', message: 'dnsmasq does not run.', since: '' },
    ];
    const of = (value: string) => standingOf({ kind: 'Network', deleting: false, off: false, conditions: told(value) } as never);
    expect(of('false')).toEqual({ health: 'bad', word: 'Not served', sentence: 'dnsmasq does not run.' });
    expect(of('true').health).toBe('good');
  });
  it('is told by cause, the one with most behind it first, hypervisors before all', () => {
    const found = causes(
      [
        ill('Machine', ['lone'], 'its image is gone'),
        ill('Machine', ['a', 'b'], 'disk of a is full', '2026-11-28T11:00:00Z'),
        { ...ill('Machine', ['c'], ''), conditions: [] },
        { ...ill('Machine', ['d'], ''), off: true },
        ill('Size', ['small'], 'of which nobody is told'),
        ill('Hypervisor', ['kvm'], 'no answer'),
      ] as never,
      [],
      'shop',
    );
    expect(found.map((c) => [c.kind, c.what.map((w) => w.name).join()])).toEqual([
      ['Hypervisor', 'kvm'],
      ['Machine', 'a,b'],
      ['Machine', 'lone'],
    ]);
    expect(found[1]!.since).toBe('2026-11-28T11:00:00Z');
    expect(found[1]!.what[0]!.to).toBe('/p/shop/machines/a');
  });
  it('is not what has new settings and is about to be looked at', () => {
    const renewed = ill('Hypervisor', ['kvm'], 'It was declared anew, and not looked at since.');
    Object.assign(renewed.conditions[0]!, { value: 'unknown', reason: 'Pending' });
    expect(causes([renewed] as never, [], 'shop')).toEqual([]);
  });
  it('is nothing when all is well', () => {
    expect(causes([], [], 'shop')).toEqual([]);
  });
});

describe('what an event is about', () => {
  it('is seen on its page, or else in the list of its kind', () => {
    const where = (kind?: string) => whereOf({ project: 'shop', name: 'web', ...(kind ? { kind } : {}) } as never);
    expect(where('Machine')).toEqual({ to: '/p/shop/machines/web' });
    expect(where('Volume')).toEqual({ to: '/p/shop/volumes', search: { q: 'web' } });
    expect(where('Size')).toBeUndefined();
    expect(where()).toBeUndefined();
  });
});

describe('what waits for approval', () => {
  it('says for how many, who has agreed, and why', () => {
    expect(need({ people: 1, because: ['more than 8 cores'], votes: [] })).toBe(
      'One other person has to approve it: more than 8 cores.',
    );
    const otto = { who: 'otto', yes: true, reason: '', at: '2026-11-28T12:00:00Z' };
    expect(need({ people: 2, because: ['on network prod', 'by a user'], votes: [otto] })).toBe(
      'Two other people have to approve it, and otto already did: on network prod; by a user.',
    );
  });
});

describe('what a machine uses', () => {
  it('says rates as short as it can', () => {
    expect(perSecond(0)).toBe('0 B/s');
    expect(perSecond(2048)).toBe('2 KiB/s');
    expect(perSecond(15 * 1_048_576)).toBe('15 MiB/s');
  });

  it('draws what is known, with gaps, up to the greatest value', () => {
    expect(sparkline([undefined, 0, 4, undefined, 2, 4])).toEqual(['20,23 40,7', '80,15 100,7']);
    expect(sparkline([])).toEqual([]);
    expect(sparkline([0, 0])).toEqual(['0,23 100,23']);
  });
});

describe('a session', () => {
  it('is told by its browser and system', () => {
    const like = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
    expect(browser(like)).toBe('Chrome on Linux');
    expect(browser(like.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64') + ' Edg/140.0.0.0')).toBe('Edge on Windows');
    expect(browser('Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox on Mac OS');
    expect(browser('curl/8.5.0')).toBe('curl/8.5.0');
    expect(browser('')).toBe('unknown program');
  });
});

describe('the form of an offer', () => {
  it('begins with what is preset, and a box that is not ticked says no', () => {
    expect(
      presetsOf([
        { name: 'name', type: 'string', example: 'web-1' },
        { name: 'size', type: 'enum', options: ['small', 'large'], preset: 'small' },
        { name: 'only', type: 'enum', options: ['one'] },
        { name: 'public', type: 'boolean' },
        { name: 'days', type: 'integer', preset: '7' },
      ]),
    ).toEqual({ name: '', size: 'small', only: 'one', public: 'false', days: '7' });
  });
});

describe('rules of approval', () => {
  it('are the same after the form', () => {
    const rule = { coresAbove: 8, memoryAbove: '32GiB', networks: ['prod', 'dmz'], roles: ['user' as const], people: 2 };
    expect(ruleOf(formOf(rule))).toEqual(rule);
    expect(ruleOf(formOf({ machinesAbove: 0 }))).toEqual({ machinesAbove: 0, people: 1 });
  });
  it('are said in words', () => {
    expect(say({ coresAbove: 8, memoryAbove: '32GiB' })).toBe('Somebody else has to approve a machine with more than 8 cores or more than 32GiB memory.');
    expect(say({ networks: ['prod'], people: 2, roles: ['user'] })).toBe('Two people have to approve anything, on network prod, if a user asks.');
  });
});

describe('prices', () => {
  it('reads as money', () => {
    expect(money('0.0000')).toBe('0.00');
    expect(money('0.00042')).toBe('0.00042');
    expect(money('0.0100')).toBe('0.01');
    expect(money('12.3456')).toBe('12.35');
    expect(money('1234.5000')).toBe('1234.50');
  });


  it('are read from lines and written as lines', () => {
    expect(pricesOf(' small 0.02\n\nlarge = 0.08\n')).toEqual({ small: '0.02', large: '0.08' });
    expect(pricesOf(pricesText({ small: '0.02' }))).toEqual({ small: '0.02' });
  });
  it('are of months in UTC, over the end of a year', () => {
    expect(lastMonths(new Date('2027-01-31T23:30:00-02:00'), 3)).toEqual(['2027-02', '2027-01', '2026-12']);
  });
});

describe('how far something got', () => {
  const at = (percent: number, steps: object[], message = '') => ({ status: { state: 'running', percent, message, steps, conditions: [] } }) as unknown as Operation;

  it('is told by the step that runs, as it says it', () => {
    const of = at(50, [
      { key: 'a', title: 'fetch the image', state: 'done', attempts: 1, percent: 100 },
      { key: 'b', title: 'install the system', state: 'running', attempts: 1, percent: 12, message: 'copying packages' },
    ]);
    expect(reached(of)).toEqual({ percent: '12 %', step: 'install the system: copying packages' });
  });
  it('is the part of the steps that are done where the step tells none', () => {
    expect(reached(at(50, [{ key: 'a', title: 'wait', state: 'running', attempts: 1 }])).percent).toBe('50 %');
  });
  it('is why it waits before there are steps, and no part', () => {
    expect(reached(at(0, [], 'its image is not there yet'))).toEqual({ percent: '', step: 'its image is not there yet' });
  });
});

describe('what the server found wrong', () => {
  const of = (...fields: string[]) => ({ type: '', title: '', status: 400, detail: '', errors: fields.map((field) => ({ field, message: `${field} is wrong` })) });
  const paths = { network: ['spec.nics'], ipv4: ['spec.nics[0].ipv4'], name: ['metadata.name'] };

  it('stands at the field whose path is the longest', () => {
    expect(placed(of('Machine web: spec.nics[0].ipv4'), paths).at).toEqual({ ipv4: 'Machine web: spec.nics[0].ipv4 is wrong' });
    expect(placed(of('spec.nics[0].network'), paths).at).toEqual({ network: 'spec.nics[0].network is wrong' });
    expect(placed(of('spec.nics[1].ipv4'), paths).at).toHaveProperty('network');
  });
  it('is kept where it belongs to no field, beside others that do', () => {
    const { at, rest } = placed(of('metadata.name', 'spec.nicsy', 'spec.bonds[0]'), paths);
    expect(Object.keys(at)).toEqual(['name']);
    expect(rest.map((e) => e.field)).toEqual(['spec.nicsy', 'spec.bonds[0]']);
  });
  it('is all there if one field has several', () => {
    expect(placed(of('metadata.name', 'metadata.name'), paths).at.name).toBe('metadata.name is wrong; metadata.name is wrong');
  });
});

describe('what the server says', () => {
  it('is a sentence', () => {
    expect(sentence('there is no Machine web')).toBe('There is no Machine web.');
    expect(sentence('spec.size: must be given')).toBe('spec.size: must be given.');
    expect(sentence('Machine web is being deleted; wait!')).toBe('Machine web is being deleted; wait!');
    expect(sentence('')).toBe('');
  });
});

describe('a row that is a name alone', () => {
  it('is found by it', () => {
    expect(matches('sho', textOf('Shop', [{ value: (p: string) => p }]))).toBe(true);
  });
});

describe('what an address says of lists', () => {
  const all = { q: 'web', desc: true, 'quarantine.q': 'data', 'quarantine.desc': true, state: 7, tab: 'x', 'a.b.q': 'no', sort: '' };
  it('is kept for each list of the page, and nothing else is', () => {
    expect(listSearch(all)).toEqual({ q: 'web', desc: true, 'quarantine.q': 'data', 'quarantine.desc': true, state: '7' });
  });
  it('is told apart by the name of the list', () => {
    expect(searchOf(all, 'quarantine')).toEqual({ q: 'data', desc: true });
    expect(searchOf(all).q).toBe('web');
    expect(searchOf(all, 'orphans')).toEqual({});
    expect(searchOf({ 'a0.q': 'web', 'a1.q': 'db', '0a.q': 'no' }, 'a1')).toEqual({ q: 'db' });
  });
});

describe('what the machines of a hypervisor use', () => {
  const at = '2026-01-01T00:00:00Z';
  const one = (hypervisor: string | undefined, latest?: { cores?: number; memoryBytes?: number }) => ({
    project: 'p',
    machine: 'm',
    ...(hypervisor ? { hypervisor } : {}),
    cores: 2,
    memoryBytes: 2 ** 31,
    ...(latest ? { latest: { at, ...latest } } : {}),
  });
  it('is added up where it is known', () => {
    const load = loadOf([one('a', { cores: 0.5, memoryBytes: 2 ** 30 }), one('a', { memoryBytes: 2 ** 29 }), one('a'), one('b'), one(undefined)]);
    expect(load.get('a')).toEqual({ cores: 0.5, memory: 1536, measured: 2 });
    expect(load.has('b')).toBe(false);
  });
});

describe('what is pasted into a console', () => {
  it('is sent in parts that are small enough, and is whole', () => {
    const pasted = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251);
    const parts = slices(pasted);
    expect(parts.map((p) => p.length)).toEqual([4096, 4096, 1808]);
    expect(parts.flatMap((p) => [...p])).toEqual([...pasted]);
    expect(slices(new Uint8Array(0))).toEqual([]);
  });
});

describe('what is typed into a console', () => {
  it('leaves it by one combination of keys, and by no letter that AltGr makes', () => {
    const keys = (over: object) => leaves({ code: 'KeyG', ctrlKey: true, altKey: true, getModifierState: () => false, ...over });
    expect(keys({})).toBe(true);
    expect(keys({ altKey: false })).toBe(false);
    expect(keys({ code: 'Escape' })).toBe(false);
    expect(keys({ getModifierState: (key: string) => key === 'AltGraph' })).toBe(false);
  });
});

describe('the project of what is declared from all projects', () => {
  it('is the default one only for who may declare there', () => {
    expect(placeOf({ global: 'user', projects: {} })).toBe('default');
    expect(placeOf({ global: null, projects: { shop: 'admin', default: 'user' } })).toBe('default');
    expect(placeOf({ global: null, projects: { shop: 'user', shared: 'admin', blog: 'viewer' } })).toBe('shop');
    expect(placeOf({ global: 'viewer', projects: { shop: 'operator' } })).toBe('shop');
    expect(placeOf({ global: null, projects: { default: 'viewer', shop: 'user' } })).toBe('shop');
  });

  it('is the shared one only for who may declare nowhere else', () => {
    expect(placeOf({ global: null, projects: { shared: 'admin', shop: 'viewer' } }, true)).toBe('shared');
    expect(placeOf({ global: 'viewer', projects: { shared: 'admin' } }, true)).toBe('shared');
    expect(placeOf({ global: null, projects: { shared: 'admin', shop: 'user' } }, true)).toBe('shop');
    expect(placeOf({ global: null, projects: { shared: 'viewer', shop: 'viewer' } }, true)).toBe('shop');
    expect(placeOf({ global: null, projects: { shared: 'admin', shop: 'viewer' } })).toBe('shop');
  });

  it('is one that can be seen for who may declare nowhere', () => {
    expect(placeOf({ global: null, projects: { shared: 'viewer', shop: 'viewer' } })).toBe('shop');
    expect(placeOf({ global: null, projects: { shared: 'viewer' } })).toBe('default');
    expect(placeOf({ global: 'viewer', projects: {} })).toBe('default');
    expect(placeOf({ global: null, projects: {} })).toBe('default');
  });
});
