/** How long a new machine may be asked to live, in words. */
const LIVES = [
  ['8h', '8 hours'],
  ['1d', 'a day'],
  ['7d', 'a week'],
  ['30d', '30 days'],
] as const;

export interface Life {
  /** Empty of one that has no end. */
  ttl: string;
  words: string;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Of a span of time such as `8h`. */
function seconds(ttl: string): number {
  const [, n, unit] = /^(\d+)([smhd])$/.exec(ttl) ?? [];
  return Number(n) * (UNITS[unit ?? ''] ?? NaN);
}

/** What is offered, and what is chosen before anybody does: where a quota ends all that lives, no more than it allows. */
export function livesOf(longest: string | undefined): { offered: Life[]; preset: string } {
  const all = LIVES.map(([ttl, words]) => ({ ttl, words }));
  if (!longest) {
    return { offered: [{ ttl: '', words: 'until somebody deletes it' }, ...all], preset: '' };
  }
  const least = all.filter((l) => seconds(l.ttl) < seconds(longest));
  const same = all.find((l) => seconds(l.ttl) === seconds(longest));
  return { offered: [...least, { ttl: longest, words: `${same?.words ?? longest}, the longest here` }], preset: longest };
}
