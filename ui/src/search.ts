/** What a list shows, as its address says: searched text, labels, order. */
export interface ListSearch {
  q?: string;
  labels?: string;
  sort?: string;
  desc?: boolean;
  state?: string;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value ? value : typeof value === 'number' ? String(value) : undefined;
}

export function listSearch(raw: Record<string, unknown>): ListSearch {
  const out: ListSearch = {};
  for (const key of ['q', 'labels', 'sort', 'state'] as const) {
    const value = text(raw[key]);
    if (value !== undefined) {
      out[key] = value;
    }
  }
  if (raw.desc === true) {
    out.desc = true;
  }
  return out;
}

const LAST = 'millwright.project';

/** In which project somebody was last in this browser. */
export function lastProject(): string | null {
  return localStorage.getItem(LAST);
}

export function rememberProject(project: string) {
  localStorage.setItem(LAST, project);
}
