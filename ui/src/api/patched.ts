import { type InfiniteData, type Query, type QueryCache, type QueryClient } from '@tanstack/react-query';

export interface Part<R> {
  items: R[];
  next?: string;
}

export interface Listed {
  metadata: { uid: string; name: string; project: string; revision: number; createdAt: string };
}

/** Which of two answers about a resource of one name tells more; answers may come out of order. */
export function newest<R extends Listed>(before: R, now: R): R {
  const [a, b] = [before.metadata, now.metadata];
  const older = a.uid === b.uid ? b.revision < a.revision : Date.parse(b.createdAt) < Date.parse(a.createdAt);
  return older ? before : now;
}

/**
 * A collection with one resource put in place unless what is there is newer, or taken out where `now` is null; itself if
 * that changes nothing. What is not there is added at the end, unless there are more parts, which may have it.
 */
export function patched<R extends Listed>(
  data: InfiniteData<Part<R>> | undefined,
  project: string,
  name: string,
  now: R | null,
): InfiniteData<Part<R>> | undefined {
  const last = data?.pages.at(-1);
  if (!data || !last) {
    return data;
  }
  let found = false;
  const pages = data.pages.map((page) => {
    const at = page.items.findIndex((r) => r.metadata.project === project && r.metadata.name === name);
    const there = page.items[at];
    if (!there) {
      return page;
    }
    found = true;
    if (!now) {
      return { ...page, items: page.items.toSpliced(at, 1) };
    }
    const next = newest(there, now);
    return next === there ? page : { ...page, items: page.items.with(at, next) };
  });
  if (!found && now && !last.next) {
    pages[pages.length - 1] = { ...last, items: [...last.items, now] };
  }
  return pages.some((page, i) => page !== data.pages[i]) ? { ...data, pages } : data;
}

type Patches = Map<string, { project: string; name: string; now: Listed | null }>;

/** What has to be put into lists again: what is being read of them was asked for before, and is written over it. */
const late = new WeakMap<Query, Patches>();
const followed = new WeakSet<QueryCache>();

/** Puts one resource into a list, or takes it out; and again until all parts of the list have come. */
export function patch(queries: QueryClient, list: Query, project: string, name: string, now: Listed | null) {
  const cache = queries.getQueryCache();
  if (!followed.has(cache)) {
    followed.add(cache);
    cache.subscribe((e) => e.type === 'updated' && again(queries, e.query));
  }
  const patches: Patches = late.get(list) ?? new Map();
  patches.set(`${project}/${name}`, { project, name, now });
  late.set(list, patches);
  again(queries, list);
}

/** What is asked for anew from here on tells all by itself. */
export function forget(queries: QueryClient, plural?: string) {
  for (const list of queries.getQueryCache().findAll({ queryKey: plural ? ['list', plural] : ['list'] })) {
    late.delete(list);
  }
}

function again(queries: QueryClient, list: Query) {
  const patches = late.get(list);
  if (!patches) {
    return;
  }
  const before = list.state.data as InfiniteData<Part<Listed>> | undefined;
  const data = [...patches.values()].reduce((d, p) => patched(d, p.project, p.name, p.now), before);
  if (list.state.fetchStatus === 'idle' && !data?.pages.at(-1)?.next) {
    late.delete(list);
  }
  if (data !== before) {
    queries.setQueryData(list.queryKey, data);
  }
}
