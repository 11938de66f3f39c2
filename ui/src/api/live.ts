import { useQueryClient, type Query, type QueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { ApiProblem, send } from './client';
import { pluralOf, type Plural } from './kinds';
import { forget } from './patched';
import { refresh } from './queries';
import { BREATH, renew } from './renew';
import { readEvents } from './sse';

/** So many changes at once are looked at one by one; more, and the lists are read anew. */
const FEW = 30;
const PAUSE = 250;
/** Lists are not read anew more often than this, and less and less often while they change without end. */
const PAUSES = [2000, 5000, 15_000];
/** What the server has to look at everything for is asked for again a breath later, however much changes meanwhile. */
const WIDE = ['summary', 'drift', 'orphans'];
/** What may be long; each is asked for again at most so often. */
const LONG = ['operations', 'events', 'audit', 'approvals', 'addresses', 'group-members', 'project'];
/** What a quota counts, and what makes machines. */
const COUNTED: Plural[] = ['machines', 'volumes', 'snapshots', 'sizes', 'groups', 'pools'];
/** Of what people do the stream says no more than that they did something. */
const ACTED = ['users', 'members', 'global-roles', 'sessions', 'tokens', 'prices', 'showback', 'approval-rules', 'project', 'projects'];
/** What one may do: the stream ends when that changes. */
const ALLOWED = ['session', 'access', 'actions'];
const WAITS = [500, 1000, 2000, 5000, 10_000];

type State = 'connecting' | 'live' | 'lost';

let state: State = 'connecting';
const listeners = new Set<() => void>();

function become(next: State) {
  if (state !== next) {
    state = next;
    listeners.forEach((l) => l());
  }
}

/** Whether what is shown follows what happens. */
export function useLiveState(): State {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => state,
  );
}

interface Change {
  kind?: string;
  project: string;
  name: string;
}

/**
 * Hears of every change by one stream and looks again at what changed; the stream says only where to look.
 *
 * One stream for a tab, and none for a tab that nobody sees: a browser opens six connections to a server, no more.
 */
export function useLive(signedIn: boolean) {
  const queries = useQueryClient();
  useEffect(() => {
    if (!signedIn) {
      return;
    }
    const life = new AbortController();
    let listening: AbortController | null = null;
    const follow = () => {
      if (document.hidden) {
        listening?.abort();
        listening = null;
      } else if (!listening) {
        listening = new AbortController();
        void listen(queries, AbortSignal.any([life.signal, listening.signal]));
      }
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      life.abort();
    };
  }, [queries, signedIn]);
}

let cursor: string | null = null;

async function listen(queries: QueryClient, signal: AbortSignal) {
  const waiting = new Map<string, Change>();
  let timer = 0;
  let crowded = 0;
  let flushed = 0;
  const pause = () => (crowded ? PAUSES[Math.min(crowded, PAUSES.length) - 1]! : 0);
  const flush = () => {
    timer = 0;
    const long = performance.now() - flushed > 2 * pause();
    crowded = !look(queries, [...waiting.values()]) ? 0 : long ? 1 : crowded + 1;
    flushed = performance.now();
    waiting.clear();
  };
  for (let failed = 0; !signal.aborted; ) {
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (cursor) {
        headers['Last-Event-ID'] = cursor;
      }
      const url = new URL('/api/v1/projects/-/events?changes=true&limit=1', location.origin);
      const response = await send(new Request(url, { headers, signal }));
      if (response.status === 410) {
        cursor = null;
        forget(queries);
        // Perhaps of a database that was put back: revisions there may be lower than what is shown.
        void queries.resetQueries({ queryKey: ['one'] });
        void queries.invalidateQueries();
        continue;
      }
      if (!response.ok) {
        throw new Error(`events: ${response.status}`);
      }
      become('live');
      if (failed > 0) {
        // The stream goes on where it was; what has no place in it, or was asked for in vain, is asked for again.
        const missed = (q: Query) => !cursor || ALLOWED.includes(q.queryKey[0] as string) || q.state.status === 'error' || q.state.fetchFailureCount > 0;
        void queries.invalidateQueries({ predicate: missed });
      }
      failed = 0;
      await readEvents(response, (e) => {
        cursor = e.id ?? cursor;
        if (e.event === 'event') {
          const change = JSON.parse(e.data) as Change;
          waiting.set(`${change.kind ?? ''}/${change.project}/${change.name}`, change);
          timer ||= window.setTimeout(flush, Math.max(PAUSE, flushed + pause() - performance.now()));
        }
      });
    } catch {
      // Tried again below, whatever it was.
    }
    if (!signal.aborted) {
      if (failed++ > 0) {
        become('lost');
      }
      await new Promise((then) => setTimeout(then, WAITS[Math.min(failed, WAITS.length) - 1]));
    }
  }
}

/** Looks at what changed again; true if so much did that whole lists are read. */
function look(queries: QueryClient, changes: Change[]): boolean {
  const resources = changes.filter((c) => c.kind);
  const kinds = new Set<string>(resources.map((c) => pluralOf(c.kind!)));
  const crowded = resources.length > FEW;
  if (crowded) {
    for (const plural of kinds) {
      forget(queries, plural);
      renew(queries, { queryKey: ['list', plural] }, BREATH);
      renew(queries, { queryKey: ['one', plural] }, PAUSE);
    }
  } else {
    for (const c of resources) {
      void refresh(queries, pluralOf(c.kind!) as Plural, c.project, c.name);
    }
  }
  const also = new Set(['operations', 'operation', 'events', 'actions', 'audit', 'approvals', 'customisation']);
  if (changes.some((c) => !c.kind && !c.name)) {
    ACTED.forEach((key) => also.add(key));
  }
  if (kinds.has('machines') || kinds.has('volumes')) {
    ['quarantine', 'addresses'].forEach((k) => also.add(k));
  }
  if (kinds.has('machines') || kinds.has('groups')) {
    ['group-members', 'group-revisions'].forEach((k) => also.add(k));
  }
  if (COUNTED.some((k) => kinds.has(k))) {
    also.add('project');
  }
  for (const key of also) {
    renew(queries, { queryKey: [key], predicate: allowed }, LONG.includes(key) ? BREATH : PAUSE);
  }
  if (resources.length > 0) {
    breath ||= window.setTimeout(() => {
      breath = 0;
      WIDE.forEach((key) => renew(queries, { queryKey: [key], predicate: allowed }, BREATH));
    }, BREATH);
  }
  return crowded;
}

/** What was refused is not asked for again at each change of something else. */
const allowed = (q: Query) => !(q.state.error instanceof ApiProblem && q.state.error.status === 403);

let breath = 0;
