/**
 * What a list shows, as its address says: searched text, labels, order, and states of which one is enough, with commas.
 * Where a page has several, `volumes.q` is of one.
 */
export interface ListSearch {
  q?: string;
  labels?: string;
  sort?: string;
  desc?: boolean;
  state?: string;
  /** What it is about: of this kind, and called so. */
  kind?: string;
  name?: string;
  /** Of this person only. */
  owner?: string;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value : typeof value === 'number' ? String(value) : undefined;
}

export function listSearch(raw: Record<string, unknown>): ListSearch {
  const out: Record<string, string | boolean> = {};
  for (const [key, given] of Object.entries(raw)) {
    const word = /^(?:[a-z][a-z0-9]*\.)?(q|labels|sort|state|kind|name|desc|owner)$/.exec(key)?.[1];
    const value = word === 'desc' ? given === true || undefined : word && text(given);
    if (value) {
      out[key] = value;
    }
  }
  return out;
}

/** Of all that the address says, what is said of one list of the page; of the only one there is, without a name. */
export function searchOf(all: Record<string, unknown>, list?: string): ListSearch {
  const of = listSearch(all) as Record<string, unknown>;
  const start = list ? `${list}.` : '';
  return Object.fromEntries(
    Object.entries(of)
      .filter(([k]) => k.startsWith(start))
      .map(([k, v]) => [k.slice(start.length), v]),
  ) as ListSearch;
}

const LAST = 'millwright.project';

/** In which project somebody was last in this browser. */
export function lastProject(): string | null {
  return localStorage.getItem(LAST);
}

export function rememberProject(project: string) {
  localStorage.setItem(LAST, project);
}
