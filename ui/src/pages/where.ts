import type { Schemas } from '../api/client';
import { pluralOf } from '../api/kinds';

/** Kinds of which each has a page of its own. */
const PAGES = new Set(['Machine', 'Group', 'Network', 'Source', 'Webhook']);

/** Kinds of which each is found in a list. */
const LISTS = new Set(['Image', 'Volume', 'Pool', 'Hypervisor']);

/** Where one sees what an event is about, if anywhere. */
export function whereOf({ kind, project, name }: Pick<Schemas['Event'], 'kind' | 'project' | 'name'>): { to: string; search?: { q: string } } | undefined {
  if (!kind) {
    return undefined;
  }
  const list = `/p/${project}/${pluralOf(kind)}`;
  return PAGES.has(kind) ? { to: `${list}/${name}` } : LISTS.has(kind) ? { to: list, search: { q: name } } : undefined;
}
