import { pluralOf, standing, type Resource } from '../api/kinds';

/** What is wrong with one thing, or with several for the same reason. */
export interface Cause {
  key: string;
  what: { name: string; to: string }[];
  kind: string;
  /** Whose list shows them all. */
  to: string;
  why: string;
  next: string;
  since?: string;
}

/** What is failing now, by cause: the same kind and the same sentence are one cause, however many they are. */
export function causes(resources: Resource[], project: string): Cause[] {
  const out = new Map<string, Cause>();
  for (const r of resources) {
    const s = standing(r);
    if (s.health !== 'bad' && !(s.health === 'unknown' && r.kind === 'Hypervisor')) {
      continue;
    }
    const { name } = r.metadata;
    const why = s.sentence || s.word;
    const key = `${r.kind} ${s.word} ${why.replaceAll(name, '…')}`;
    const plural = pluralOf(r.kind);
    const since = r.status.conditions?.find((c) => c.type === 'Ready')?.since;
    const cause = out.get(key) ?? {
      key,
      what: [],
      kind: r.kind,
      to: `/p/${project}/${plural}`,
      why,
      next: nextOf(r.kind, s.word),
    };
    cause.what.push({
      name,
      to: `/p/${r.metadata.project}/${plural}${r.kind === 'Machine' || r.kind === 'Group' ? `/${name}` : ''}`,
    });
    if (since && (!cause.since || since < cause.since)) {
      cause.since = since;
    }
    out.set(key, cause);
  }
  // What has most behind it first; hypervisors before all, for the rest may be wrong on their account.
  const weight = (c: Cause) => (c.kind === 'Hypervisor' ? 1e6 : 0) + c.what.length;
  return [...out.values()].sort((a, b) => weight(b) - weight(a));
}

function nextOf(kind: string, word: string): string {
  switch (kind) {
    case 'Hypervisor':
      return 'Its machines cannot be changed until it answers.';
    case 'Group':
      return 'Look at what its rollout says; continue it, or roll it back.';
    default:
      return word === 'Held' ? 'Look at what failed, then apply it again.' : 'Look at its last operation.';
  }
}
