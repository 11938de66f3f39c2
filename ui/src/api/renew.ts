import { type InfiniteData, type Query, type QueryCache, type QueryClient, type QueryFilters } from '@tanstack/react-query';
import type { Part } from './patched';

/** In milliseconds: what may be long is asked for again no more often than this. */
export const BREATH = 2000;

interface Pace {
  /** When it was asked for, or when an answer came that was late already. */
  last: number;
  every: number;
  /** Something has changed since it was asked for, so that it is asked for again when its answer is there. */
  dirty: boolean;
  timer?: ReturnType<typeof setTimeout>;
}

const paces = new WeakMap<Query, Pace>();
const followed = new WeakSet<QueryCache>();

/**
 * Has what these queries show asked for again, each at most once in so many milliseconds, and none before it has its
 * answer: to ask anew gives up what is on its way, and under steady change a long list never came to its end.
 */
export function renew(queries: QueryClient, filters: QueryFilters, every: number) {
  const cache = queries.getQueryCache();
  if (!followed.has(cache)) {
    followed.add(cache);
    cache.subscribe((e) => {
      const pace = e.type === 'updated' ? paces.get(e.query) : undefined;
      if (pace?.dirty && !coming(e.query)) {
        pace.dirty = false;
        pace.last = performance.now(); // what takes long leaves the server a rest
        wait(queries, e.query, pace);
      }
    });
  }
  for (const query of cache.findAll(filters)) {
    const pace = paces.get(query) ?? { last: -Infinity, every, dirty: false };
    paces.set(query, pace);
    pace.every = every;
    ask(queries, query, pace);
  }
}

function ask(queries: QueryClient, query: Query, pace: Pace) {
  if (pace.timer !== undefined) {
    return;
  }
  if (coming(query)) {
    pace.dirty = true;
  } else if (performance.now() < pace.last + pace.every) {
    wait(queries, query, pace);
  } else {
    pace.last = performance.now();
    void queries.invalidateQueries({ queryKey: query.queryKey, exact: true });
  }
}

function wait(queries: QueryClient, query: Query, pace: Pace) {
  pace.timer ??= setTimeout(
    () => {
      delete pace.timer;
      ask(queries, query, pace);
    },
    Math.max(0, pace.last + pace.every - performance.now()),
  );
}

/** Whether its answer is on its way; that of a collection is there when the last part of it is. */
function coming(query: Query): boolean {
  const { fetchStatus, status, data } = query.state;
  const reads = query.queryKey[0] === 'list' && query.isActive() && status === 'success';
  return fetchStatus === 'fetching' || (reads && (data as InfiniteData<Part<unknown>>).pages.at(-1)?.next !== undefined);
}
