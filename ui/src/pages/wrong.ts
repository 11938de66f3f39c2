import type { Schemas } from '../api/client';
import { pluralOf, running, standingOf, type Operation } from '../api/kinds';

/** So often something is tried before anybody has to hear of it. */
const PATIENCE = 3;

const PAGES = ['Machine', 'Group', 'Source', 'Webhook', 'Network'];

/** Of the others nobody waits for something, or their machines tell of it. */
const LOOKED_AT = ['Hypervisor', 'Group', 'Machine', 'Network', 'Image', 'Volume', 'Source', 'Webhook'];

/** What is wrong with one thing, or with several for the same reason. */
export interface Cause {
  key: string;
  /** The first of them. */
  what: { name: string; to: string }[];
  count: number;
  kind: string;
  /** Whose list shows them all. */
  to: string;
  why: string;
  next: string;
  since?: string;
}

/**
 * What is failing now, by cause, as the server has counted it. What is tried again and again is failing, too, though its
 * operation has not ended.
 */
export function causes(standings: Schemas['Standing'][], operations: Operation[], project: string): Cause[] {
  const out: Cause[] = [];
  const told = new Set<string>();
  const title = (kind: string, of: string, name: string) => `${kind} ${of}/${name}`;
  for (const o of operations) {
    const step = o.status.steps.find((s) => s.state !== 'done' && s.attempts > PATIENCE);
    if (running(o) && step) {
      told.add(title(o.spec.target.kind, o.metadata.project, o.spec.target.name));
      out.push({
        key: o.metadata.uid,
        what: [{ name: o.spec.target.name, to: `/p/${o.metadata.project}/operations/${o.metadata.uid}` }],
        count: 1,
        kind: o.spec.target.kind,
        to: `/p/${project}/operations`,
        why: `Tried ${step.attempts} times: ${o.status.message || step.message}`,
        next: 'It is tried again by itself; put right what is in its way, or cancel it there.',
        since: o.status.startedAt ?? o.metadata.createdAt,
      });
    }
  }
  for (const alike of standings.filter((a) => LOOKED_AT.includes(a.kind))) {
    const { health, word, sentence } = standingOf(alike);
    if (health !== 'bad' && !(health === 'unknown' && ['Hypervisor', 'Source'].includes(alike.kind))) {
      continue;
    }
    if (alike.some.length === alike.count && alike.some.every((s) => told.has(title(alike.kind, s.project, s.name)))) {
      continue; // its operation says more, and can be cancelled
    }
    const plural = pluralOf(alike.kind);
    const why = sentence || word;
    out.push({
      key: [alike.kind, word, why, alike.some.map((s) => `${s.project}/${s.name}`)].join(' '),
      what: alike.some.map(({ name, project: of }) => ({
        name,
        to: `/p/${of}/${plural}${PAGES.includes(alike.kind) ? `/${name}` : ''}`,
      })),
      count: alike.count,
      kind: alike.kind,
      to: `/p/${project}/${plural}`,
      why,
      next: alike.next ?? '',
      since: alike.conditions.find((c) => c.type === 'Held' || c.type === 'Ready')?.since,
    });
  }
  // What has most behind it first; hypervisors before all, for the rest may be wrong on their account.
  const weight = (c: Cause) => (c.kind === 'Hypervisor' ? 1e6 : 0) + c.count;
  return out.sort((a, b) => weight(b) - weight(a));
}
