import type { Schemas } from '../api/client';

export interface Cell {
  address: string;
  state: 'free' | 'bound' | 'cooling' | 'gateway' | 'reserved';
  who?: string;
}

const MOST = 1024;

function number(ip: string): number {
  return ip.split('.').reduce((n, part) => n * 256 + Number(part), 0);
}

function text(n: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');
}

/** Of an address: by this, as text, it comes before what is above it. */
export function orderOf(ip: string): string {
  if (!ip.includes(':')) {
    return letters(number(ip).toString(16).padStart(8, '0'));
  }
  const [before = '', after] = ip.split('::').map((part) => part.split(':').filter(Boolean).map((g) => g.padStart(4, '0')).join(''));
  return letters(after === undefined ? before : before + after.padStart(32 - before.length, '0'));
}

/** Hexadecimal digits as letters, since digits in a text are compared as whole numbers. */
function letters(hex: string): string {
  return hex.toLowerCase().replace(/./g, (digit) => String.fromCharCode(97 + parseInt(digit, 16)));
}

/** Each address of an IPv4 subnet, as a map shows it; null of one that is too large to be drawn. */
export function cellsOf(subnet: Schemas['SubnetAddresses']): Cell[] | null {
  const [network, prefix] = subnet.cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  if (!network || network.includes(':') || size > MOST) {
    return null;
  }
  const first = number(network);
  const from = number(subnet.from);
  const to = number(subnet.to);
  const excluded = subnet.exclude.map((r) => {
    const [a, b] = r.split('-').map((s) => number(s.trim()));
    return [a!, b ?? a!] as const;
  });
  const taken = new Map(subnet.taken.map((t) => [t.address, t]));
  return Array.from({ length: size }, (_, i): Cell => {
    const at = first + i;
    const address = text(at);
    const lease = taken.get(address);
    if (lease) {
      return { address, state: lease.state, ...(lease.machine ? { who: `${lease.machine} (${lease.iface})` } : {}) };
    }
    if (address === subnet.gateway) {
      return { address, state: 'gateway' };
    }
    const given = at >= from && at <= to && !excluded.some(([a, b]) => at >= a && at <= b);
    return { address, state: given ? 'free' : 'reserved' };
  });
}
