import type { Schemas } from './client';

/** The kinds of resources, by the word that stands in paths. */
export interface Kinds {
  machines: Schemas['Machine'];
  volumes: Schemas['Volume'];
  snapshots: Schemas['Snapshot'];
  images: Schemas['Image'];
  networks: Schemas['Network'];
  sizes: Schemas['Size'];
  profiles: Schemas['Profile'];
  hypervisors: Schemas['Hypervisor'];
  groups: Schemas['Group'];
  pools: Schemas['Pool'];
  sources: Schemas['Source'];
  webhooks: Schemas['Webhook'];
  offers: Schemas['Offer'];
}
export type Plural = keyof Kinds;
export type Resource = Kinds[Plural];
export type Machine = Schemas['Machine'];
export type Group = Schemas['Group'];
export type Offer = Schemas['Offer'];
export type Operation = Schemas['Operation'];
export type Condition = Schemas['Condition'];

/** As in `kind: Machine`, all that events are told of. */
export const KINDS = [
  'Machine',
  'Volume',
  'Snapshot',
  'Image',
  'Network',
  'Size',
  'Profile',
  'Hypervisor',
  'Group',
  'Pool',
  'Source',
  'Webhook',
  'Offer',
] as const;

/** As in `kind: Machine`; a kind that this page does not know yet has no lists here. */
export function pluralOf(kind: string): string {
  return kind.toLowerCase() + 's';
}

export const ALL = '-';
export const SHARED = 'shared';

export function condition(resource: { status: { conditions?: Condition[] } }, type: string) {
  return resource.status.conditions?.find((c) => c.type === type);
}

export function running(operation: Operation): boolean {
  return ['pending', 'running', 'waiting', 'undoing'].includes(operation.status.state);
}

export type Health = 'good' | 'busy' | 'bad' | 'off' | 'unknown';

/** What it shows by how a resource stands. */
export interface Stands {
  kind: string;
  deleting: boolean;
  /** Of a machine: declared to be off. */
  off: boolean;
  conditions?: Condition[];
}

export interface Standing {
  health: Health;
  word: string;
  sentence: string;
}

/** How a resource stands, in one word and one sentence. */
export function standing(resource: Resource): Standing {
  return standingOf({
    kind: resource.kind,
    deleting: !!resource.metadata.deletedAt,
    off: resource.kind === 'Machine' && (resource.spec as Machine['spec']).power === 'off',
    conditions: (resource.status as { conditions?: Condition[] }).conditions,
  });
}

export function standingOf({ kind, deleting, off, conditions }: Stands): Standing {
  const ready = conditions?.find((c) => c.type === 'Ready');
  const held = conditions?.find((c) => c.type === 'Held');
  if (deleting) {
    return { health: 'busy', word: 'Deleting', sentence: 'It is being deleted.' };
  }
  if (held?.value === 'true') {
    return { health: 'bad', word: 'Held', sentence: held.message };
  }
  if (off) {
    return { health: 'off', word: 'Off', sentence: 'It is declared to be off.' };
  }
  if (kind === 'Group' && ready && ready.value !== 'true') {
    const [health, word] = rollouts[ready.reason] ?? ['bad', 'Not ready'];
    return { health, word, sentence: ready.message };
  }
  const serving = conditions?.find((c) => c.type === 'Serving');
  if (serving?.value === 'false') {
    return { health: 'bad', word: 'Not served', sentence: serving.message };
  }
  if (ready?.value === 'true') {
    return { health: 'good', word: 'Ready', sentence: ready.message };
  }
  if (!ready) {
    return ['Machine', 'Volume', 'Snapshot', 'Image', 'Group'].includes(kind)
      ? { health: 'busy', word: 'Waiting', sentence: 'Work on it has not begun yet.' }
      : { health: 'good', word: 'Declared', sentence: '' };
  }
  if (ready.value === 'unknown' && ready.reason !== 'Pending') {
    return { health: 'unknown', word: 'Unknown', sentence: ready.message };
  }
  return busyReasons.has(ready.reason)
    ? { health: 'busy', word: 'Working', sentence: ready.message }
    : { health: 'bad', word: 'Not ready', sentence: ready.message };
}

/** In what words a machine stands with which something is going on. */
export const BUSY = ['Working', 'Waiting', 'Deleting'];

/** How a group stands, by the reason of its condition. */
const rollouts: Record<string, [Health, string]> = {
  RollingOut: ['busy', 'Rolling out'],
  RollingBack: ['busy', 'Rolling back'],
  Paused: ['off', 'Paused'],
  Cancelled: ['bad', 'Cancelled'],
  RolloutFailed: ['bad', 'Failed'],
  RolledBack: ['bad', 'Rolled back'],
  Unhealthy: ['bad', 'Unhealthy'],
};

/** What is not ready and needs nobody: it is worked on. */
const busyReasons = new Set(['Pending', 'Rebuilding', 'Reverting', 'Restoring', 'Refilling']);
