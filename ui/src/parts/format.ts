/** "3 min ago", as short as it can be said. */
export function ago(when: string, now = Date.now()): string {
  const s = Math.max(0, Math.round((now - Date.parse(when)) / 1000));
  if (s < 5) return 'just now';
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} d ago`;
}

/** "Firefox on Linux", from what a browser says of itself; of anything else what it says. */
export function browser(agent: string | undefined): string {
  // Each claims to be those after it as well.
  const which = [['Edg', 'Edge'], ['OPR', 'Opera'], ['Firefox', 'Firefox'], ['(?:Headless)?Chrome', 'Chrome'], ['Safari', 'Safari']];
  const where = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'CrOS', 'Linux'];
  const name = which.find(([mark]) => new RegExp(`\\b${mark}/`).test(agent ?? ''))?.[1];
  const system = where.find((w) => agent?.includes(w));
  return name ? name + (system ? ` on ${system}` : '') : agent || 'unknown program';
}

/** "in 3 h", as short as it can be said. */
export function until(when: string, now = Date.now()): string {
  const s = Math.round((Date.parse(when) - now) / 1000);
  if (s <= 0) return 'now';
  if (s < 60) return `in ${s} s`;
  if (s < 3600) return `in ${Math.floor(s / 60)} min`;
  if (s < 2 * 86_400) return `in ${Math.floor(s / 3600)} h`;
  return `in ${Math.floor(s / 86_400)} d`;
}

/** How long something took: "0.3 s", "12 s", "2 min 5 s". */
export function lasted(from?: string, to?: string, now = Date.now()): string {
  if (!from) return '';
  const ms = Math.max(0, (to ? Date.parse(to) : now) - Date.parse(from));
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// One for all: to make it takes a hundred times as long as to use it.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function exact(when: string): string {
  return EXACT.format(new Date(when));
}

const UNITS: Record<string, number> = { Mi: 1, MiB: 1, Gi: 1024, GiB: 1024, Ti: 1_048_576, TiB: 1_048_576 };

/** Of a size such as `4GiB`. */
export function mib(size: string | undefined): number {
  const match = /^(\d+)(\w+)$/.exec(size ?? '');
  return match ? Number(match[1]) * (UNITS[match[2]!] ?? 0) : 0;
}

export function bytes(m: number): string {
  if (m >= 1_048_576) return `${round(m / 1_048_576)} TiB`;
  if (m >= 1024) return `${round(m / 1024)} GiB`;
  return `${m} MiB`;
}

/** Of a rate in bytes: "12 KiB/s". */
export function perSecond(n: number): string {
  if (n < 1024) return `${Math.round(n)} B/s`;
  if (n < 1_048_576) return `${round(n / 1024)} KiB/s`;
  return `${bytes(Number(round(n / 1_048_576)))}/s`;
}

/** Lines through a box of 100 by 24 from zero to a little above the greatest value; what is not known is a gap. */
export function sparkline(values: (number | undefined)[]): string[] {
  const most = Math.max(...values.map((v) => v ?? 0)) || 1;
  const step = 100 / Math.max(1, values.length - 1);
  const lines: string[][] = [[]];
  values.forEach((v, i) => {
    if (v === undefined) lines.push([]);
    else lines.at(-1)!.push(`${round2(i * step)},${round2(23 - (v / most) * 16)}`);
  });
  return lines.filter((l) => l.length > 1).map((l) => l.join(' '));
}

function round2(n: number): number {
  return Math.round(n * 100) / 100;
}

function round(n: number): string {
  return n >= 10 ? String(Math.round(n)) : String(Math.round(n * 10) / 10);
}

/** A name that nobody has: `web` becomes `web-2`. */
export function freeName(base: string, taken: ReadonlySet<string>): string {
  if (!taken.has(base)) return base;
  for (let n = 2; ; n++) {
    if (!taken.has(`${base}-${n}`)) return `${base}-${n}`;
  }
}
