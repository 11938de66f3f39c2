import { pluralOf, running, standing, type Operation, type Resource } from '../api/kinds';

/** So often something is tried before anybody has to hear of it. */
const PATIENCE = 3;

const PAGES = ['Machine', 'Group', 'Source', 'Webhook', 'Network'];

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

/**
 * What is failing now, by cause: the same kind and the same sentence are one cause, however many they are. What is tried
 * again and again is failing, too, though its operation has not ended.
 */
export function causes(resources: Resource[], operations: Operation[], project: string): Cause[] {
  const out = new Map<string, Cause>();
  for (const o of operations) {
    const step = o.status.steps.find((s) => s.state !== 'done' && s.attempts > PATIENCE);
    if (running(o) && step) {
      out.set(o.metadata.uid, {
        key: o.metadata.uid,
        what: [{ name: o.spec.target.name, to: `/p/${o.metadata.project}/operations/${o.metadata.uid}` }],
        kind: o.spec.target.kind,
        to: `/p/${project}/operations`,
        why: `Tried ${step.attempts} times: ${o.status.message || step.message}`,
        next: 'It is tried again by itself; put right what is in its way, or cancel it there.',
        since: o.status.startedAt ?? o.metadata.createdAt,
      });
    }
  }
  for (const r of resources) {
    const s = standing(r);
    if (s.health !== 'bad' && !(s.health === 'unknown' && ['Hypervisor', 'Source'].includes(r.kind))) {
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
      to: `/p/${r.metadata.project}/${plural}${PAGES.includes(r.kind) ? `/${name}` : ''}`,
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
    case 'Source':
      return 'Look at what it says there; it is read again by itself.';
    case 'Webhook':
      return 'Look at its deliveries; they are sent again by themselves, and at once by a button there.';
    case 'Group':
      return 'Look at what its rollout says; continue it, or roll it back.';
    default:
      return word === 'Held' ? 'Look at what failed, then apply it again.' : 'Look at its last operation.';
  }
}
