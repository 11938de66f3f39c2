import { InfiniteQueryObserver, QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, describe, expect, it, vi } from 'vitest';

vi.stubGlobal('window', new EventTarget());
vi.stubGlobal('location', { origin: 'http://millwright.test' });
vi.stubGlobal('sessionStorage', { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
const { collectionKey, oneKey, refresh } = await import('./queries');

const web = (revision: number) => ({ metadata: { uid: 'u', name: 'web', project: 'shop', revision, createdAt: '2026-11-28T12:00:00Z' } });
const answer = (body: object, status = 200) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });

describe('what has changed and cannot be looked at', () => {
  const queries = new QueryClient();
  const stops: (() => void)[] = [];
  afterEach(() => stops.splice(0).forEach((stop) => stop()));

  it('is asked for by what shows it', async () => {
    let revision = 1;
    const list = new InfiniteQueryObserver(queries, {
      queryKey: collectionKey('machines', 'shop'),
      queryFn: () => Promise.resolve({ items: [web(revision)] }),
      initialPageParam: '',
      getNextPageParam: () => undefined,
    });
    const one = new QueryObserver(queries, { queryKey: oneKey('machines', 'shop', 'web'), queryFn: () => Promise.resolve(web(revision)) });
    stops.push(list.subscribe(() => undefined), one.subscribe(() => undefined));
    await vi.waitFor(() => expect([list.getCurrentResult().isSuccess, one.getCurrentResult().isSuccess]).toEqual([true, true]));
    revision = 2;
    vi.stubGlobal('fetch', () => Promise.resolve(answer({ title: 'Something failed', status: 500 }, 500)));
    await refresh(queries, 'machines', 'shop', 'web');
    await vi.waitFor(() => {
      expect(list.getCurrentResult().data!.pages[0]!.items[0]!.metadata.revision).toBe(2);
      expect(one.getCurrentResult().data!.metadata.revision).toBe(2);
    });
  });
});
