import type { Schemas } from '../api/client';
import { bytes, mib } from '../parts/format';

/** What a project has of each thing that a quota limits, in numbers. */
export interface Amounts {
  machines: number;
  cores: number;
  memory: number;
  disk: number;
  addresses: number;
}

export type Limited = keyof Amounts;

/** In the order in which they are shown; memory and disk are in MiB. */
export const LIMITED: { key: Limited; title: string; say: (n: number) => string; example: string }[] = [
  { key: 'machines', title: 'Machines', say: String, example: '20' },
  { key: 'cores', title: 'Cores', say: String, example: '64' },
  { key: 'memory', title: 'Memory', say: bytes, example: '256GiB' },
  { key: 'disk', title: 'Disk', say: bytes, example: '2TiB' },
  { key: 'addresses', title: 'Addresses', say: String, example: '30' },
];

export function usedOf(used: Schemas['ProjectsUsage']): Amounts {
  return { ...used, memory: mib(used.memory), disk: mib(used.disk) };
}

export function limitsOf({ memory, disk, ttl: _, ...rest }: Schemas['ProjectsQuota']): Partial<Amounts> {
  return {
    ...rest,
    ...(memory === undefined ? {} : { memory: mib(memory) }),
    ...(disk === undefined ? {} : { disk: mib(disk) }),
  };
}

/**
 * What one more machine takes: its size, and what is reserved for it of the subnets of its network. As the server has it,
 * that is nothing where only the guest knows its address, such as by a DHCP server that is not ours.
 *
 * @param ipv4 as typed: an address, auto, dhcp or none
 */
export function costOf(
  size: { cores: number; memory: string; disk: string } | undefined,
  network: Pick<Schemas['NetworkSpec'], 'subnets' | 'services'> | undefined,
  ipv4: string,
): Amounts {
  const families = new Set((network?.subnets ?? []).map((s) => (s.cidr.includes(':') ? 'ipv6' : 'ipv4')));
  const way = ipv4.trim();
  if (way === 'none' || way === 'slaac' || (way === 'dhcp' && !network?.services)) {
    families.delete('ipv4');
  }
  return {
    machines: 1,
    cores: size?.cores ?? 0,
    memory: mib(size?.memory),
    disk: mib(size?.disk),
    addresses: families.size,
  };
}

/** What of a quota is typed in a form: what is counted, and how long a machine may live. */
export type Typed = Record<Limited | 'ttl', string>;

export function typedOf(quota: Schemas['ProjectsQuota']): Typed {
  return Object.fromEntries([...LIMITED.map((l) => l.key), 'ttl' as const].map((key) => [key, String(quota[key] ?? '')])) as Typed;
}

/**
 * A quota as the API takes it, out of what was typed; what is left empty has no limit.
 *
 * @param before what it was: what no field is for stays, for what is left out has no limit
 */
export function quotaOf(typed: Typed, before: Schemas['ProjectsQuota']): Schemas['ProjectsQuota'] {
  const out: Record<string, string | number> = { ...before };
  for (const [key, value] of Object.entries(typed)) {
    const text = value.trim();
    delete out[key];
    if (text) {
      out[key] = ['memory', 'disk', 'ttl'].includes(key) || !/^\d+$/.test(text) ? text : Number(text);
    }
  }
  return out;
}
