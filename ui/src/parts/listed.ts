import { useSearch } from '@tanstack/react-router';
import type { Plural } from '../api/kinds';
import { useCollection } from '../api/queries';
import type { ListSearch } from '../search';

/** The labels for which the address asks; the server filters by them. */
export const useLabels = () => (useSearch({ strict: false }) as ListSearch).labels ?? '';

/** All of a kind that the address asks for. */
export function useListed<K extends Plural>(plural: K, project: string) {
  const { labels, owner } = useSearch({ strict: false }) as ListSearch;
  return useCollection(plural, project, labels, owner && `metadata.owner=${owner}`);
}
