import { InfiniteQueryObserver, QueryClient } from '@tanstack/react-query';
import { describe, expect, it } from 'vitest';
import { newest, patch, patched, type Listed, type Part } from './patched';

const thing = (name: string, revision = 1, uid = name, createdAt = '2026-01-01T00:00:00Z'): Listed => ({
  metadata: { project: 'shop', name, uid, revision, createdAt },
});
const data = (...pages: Part<Listed>[]) => ({ pages, pageParams: pages.map((_, i) => String(i)) });
const told = (of: { pages: Part<Listed>[] } | undefined) => of?.pages.flatMap((p) => p.items.map((r) => `${r.metadata.name}:${r.metadata.revision}`)).join(' ');

describe('what is known of a resource', () => {
  it('is what has the higher revision, in whatever order answers come', () => {
    expect(newest(thing('a', 2), thing('a', 3)).metadata.revision).toBe(3);
    expect(newest(thing('a', 3), thing('a', 2)).metadata.revision).toBe(3);
  });
  it('is what was made later where a name was given again', () => {
    const again = thing('a', 1, 'another', '2026-01-02T00:00:00Z');
    expect(newest(thing('a', 9), again)).toBe(again);
    expect(newest(again, thing('a', 9))).toBe(again);
  });
});

describe('a list with one resource put in place', () => {
  it('takes what is newer, and is itself if nothing is', () => {
    const all = data({ items: [thing('a', 2), thing('b', 2)] });
    expect(told(patched(all, 'shop', 'b', thing('b', 3)))).toBe('a:2 b:3');
    expect(patched(all, 'shop', 'b', thing('b', 1))).toBe(all);
    expect(patched(all, 'shop', 'c', null)).toBe(all);
    expect(told(patched(all, 'shop', 'a', null))).toBe('b:2');
  });
  it('takes what is new at its end, but not while there are more parts, which have it', () => {
    expect(told(patched(data({ items: [thing('a')] }), 'shop', 'b', thing('b')))).toBe('a:1 b:1');
    const some = data({ items: [thing('a')], next: 'more' });
    expect(patched(some, 'shop', 'b', thing('b'))).toBe(some);
  });
});

/** A list of two parts, of which a test gives each when it likes. */
function reading() {
  const queries = new QueryClient();
  const asked: ((part: Part<Listed>) => void)[] = [];
  const observer = new InfiniteQueryObserver<Part<Listed>, Error>(queries, {
    queryKey: ['list', 'machines', 'shop', ''],
    queryFn: () => new Promise<Part<Listed>>((give) => asked.push(give)),
    initialPageParam: '',
    getNextPageParam: (last) => (last as Part<Listed>).next,
    structuralSharing: false,
    retry: false,
  });
  const end = observer.subscribe(() => {});
  const list = queries.getQueryCache().find({ queryKey: ['list', 'machines', 'shop', ''] })!;
  return {
    observer,
    end,
    patch: (name: string, now: Listed | null) => patch(queries, list, 'shop', name, now),
    /** Answers what was asked for last. */
    give: async (part: Part<Listed>) => {
      const fetching = list.promise;
      asked.pop()!(part);
      await fetching;
    },
    shown: () => told(list.state.data as { pages: Part<Listed>[] } | undefined),
  };
}

describe('what happens while a list is read in parts', () => {
  it('is not lost when the next part comes', async () => {
    const list = reading();
    await list.give({ items: [thing('a'), thing('b')], next: 'more' });
    void list.observer.fetchNextPage();
    list.patch('a', thing('a', 2));
    list.patch('b', null);
    list.patch('d', thing('d', 2));
    expect(list.shown()).toBe('a:2');
    await list.give({ items: [thing('c'), thing('d')] });
    expect(list.shown()).toBe('a:2 c:1 d:2');
    list.end();
  });
  it('is there once, though it came before its part, and is there though no part has it', async () => {
    const list = reading();
    list.patch('c', thing('c', 2));
    await list.give({ items: [thing('a')], next: 'more' });
    list.patch('aa', thing('aa'));
    expect(list.shown()).toBe('a:1');
    void list.observer.fetchNextPage();
    await list.give({ items: [thing('c')] });
    expect(list.shown()).toBe('a:1 c:2 aa:1');
    list.end();
  });
  it('does not outlive what is read later', async () => {
    const list = reading();
    await list.give({ items: [thing('a')] });
    list.patch('a', thing('a', 2));
    void list.observer.refetch();
    await list.give({ items: [thing('a', 3), thing('b')] });
    expect(list.shown()).toBe('a:3 b:1');
    void list.observer.refetch();
    await list.give({ items: [thing('b')] });
    expect(list.shown()).toBe('b:1');
    list.end();
  });
});
