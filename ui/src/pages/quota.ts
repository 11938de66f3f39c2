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

export function limitsOf(quota: Schemas['ProjectsQuota']): Partial<Amounts> {
  const { memory, disk, ...rest } = quota;
  return {
    ...rest,
    ...(memory === undefined ? {} : { memory: mib(memory) }),
    ...(disk === undefined ? {} : { disk: mib(disk) }),
  };
}

/**
 * What one more machine takes: its size, and an address of each subnet of its network, unless it asks for none.
 *
 * @param ipv4 as typed: an address, auto, dhcp or none
 */
export function costOf(
  size: { cores: number; memory: string; disk: string } | undefined,
  cidrs: string[],
  ipv4: string,
): Amounts {
  const families = new Set(cidrs.map((c) => (c.includes(':') ? 'ipv6' : 'ipv4')));
  if (ipv4.trim() === 'none') {
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

/** A quota as the API takes it, out of what was typed; what is left empty has no limit. */
export function quotaOf(typed: Record<Limited, string>): Schemas['ProjectsQuota'] {
  const out: Record<string, string | number> = {};
  for (const { key } of LIMITED) {
    const text = typed[key].trim();
    if (text) {
      out[key] = key === 'memory' || key === 'disk' ? text : /^\d+$/.test(text) ? Number(text) : text;
    }
  }
  return out as Schemas['ProjectsQuota'];
}
