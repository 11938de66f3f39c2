import { InfiniteQueryObserver, QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BREATH, renew } from './renew';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const queries = () => new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });

/** A question whose answers a test gives when it likes; and how often it was asked, and given up. */
function asked(client: QueryClient, key: string) {
  const said = { times: 0, givenUp: 0, answer: (_: string) => {}, shown: '' as string | undefined };
  const observer = new QueryObserver(client, {
    queryKey: [key],
    queryFn: ({ signal }) => {
      said.times++;
      signal.addEventListener('abort', () => said.givenUp++);
      return new Promise<string>((then) => (said.answer = then));
    },
  });
  observer.subscribe((r) => (said.shown = r.data));
  return said;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('what is shown under steady change', () => {
  it('is asked for at once, and then no more often than the pace', async () => {
    const client = queries();
    const of = asked(client, 'operations');
    of.answer('first');
    await pass(10);
    for (let i = 0; i < 40; i++) {
      renew(client, { queryKey: ['operations'] }, BREATH);
      of.answer(`look ${i}`);
      await pass(250);
    }
    // In ten seconds: at once, and every two seconds after that.
    expect(of.times).toBeGreaterThanOrEqual(5);
    expect(of.times).toBeLessThanOrEqual(7);
  });

  it('is asked for once more after the last change, however soon that came', async () => {
    const client = queries();
    const of = asked(client, 'operations');
    of.answer('first');
    await pass(10);
    renew(client, { queryKey: ['operations'] }, BREATH);
    of.answer('second');
    await pass(10);
    renew(client, { queryKey: ['operations'] }, BREATH);
    expect(of.times).toBe(2);
    await pass(BREATH);
    expect(of.times).toBe(3);
    of.answer('third');
    await pass(10 * BREATH);
    expect([of.times, of.shown]).toEqual([3, 'third']);
  });

  it('is not given up while it comes, and asked for again when it is there', async () => {
    const client = queries();
    const of = asked(client, 'addresses');
    of.answer('first');
    await pass(10);
    renew(client, { queryKey: ['addresses'] }, BREATH);
    for (let i = 0; i < 40; i++) {
      renew(client, { queryKey: ['addresses'] }, BREATH);
      await pass(250);
    }
    expect([of.times, of.givenUp]).toEqual([2, 0]);
    of.answer('of before the changes');
    await pass(10);
    expect(of.shown).toBe('of before the changes');
    await pass(BREATH);
    expect(of.times).toBe(3);
    of.answer('of after them');
    await pass(10 * BREATH);
    expect([of.times, of.givenUp, of.shown]).toEqual([3, 0, 'of after them']);
  });

  it('goes at the pace of each, and leaves others alone', async () => {
    const client = queries();
    const [quick, slow, other] = [asked(client, 'operation'), asked(client, 'events'), asked(client, 'prices')];
    [quick, slow, other].forEach((q) => q.answer('first'));
    await pass(10);
    for (let i = 0; i < 7; i++) {
      renew(client, { queryKey: ['operation'] }, 250);
      renew(client, { queryKey: ['events'] }, BREATH);
      [quick, slow].forEach((q) => q.answer('again'));
      await pass(250);
    }
    expect(quick.times).toBeGreaterThanOrEqual(6);
    expect([slow.times, other.times]).toEqual([2, 1]);
  });

  it('is, of a collection, there when its last part is', async () => {
    const client = queries();
    let reads: number[] = [];
    const list = new InfiniteQueryObserver(client, {
      queryKey: ['list', 'machines', 'shop', 'app=web'],
      queryFn: async ({ pageParam }) => {
        reads.push(pageParam);
        return { items: [pageParam], ...(pageParam < 3 ? { next: pageParam + 1 } : {}) };
      },
      initialPageParam: 0,
      getNextPageParam: (last: { items: number[]; next?: number }) => last.next,
    });
    list.subscribe(() => undefined);
    await pass(10);
    for (let part = 0; part < 3; part++) {
      renew(client, { queryKey: ['list', 'machines'] }, BREATH);
      await pass(2 * BREATH); // a pause between two parts, as long as it may be
      void list.fetchNextPage();
      await pass(10);
    }
    expect(reads).toEqual([0, 1, 2, 3]);
    reads = [];
    await pass(2 * BREATH);
    expect(reads).toEqual([0, 1, 2, 3]);
  });
});
