import {
  queryOptions,
  replaceEqualDeep,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseQueryResult,
} from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { api, send, unwrap, ApiProblem, asProblem, type Schemas } from './client';
import { ALL, SHARED, running, type Kinds, type Operation, type Plural } from './kinds';
import { BREATH, renew } from './renew';
import { useSignedIn } from './session';
import { newest, patch, type Listed, type Part } from './patched';

/** The first part is what is seen at once; to read and parse the rest takes longer than one likes to wait. */
const FIRST = 100;
const PAGE = 1000;

/** What a list shows: all of it, or so much of it as has come. */
export interface Listing<R> {
  items: R[];
  loading: boolean;
  complete: boolean;
  error: Error | null;
  retry: () => void;
  /** Asks for the next part of what is read only as far as somebody looks. */
  more?: (() => void) | undefined;
  /** The next part is asked for. */
  coming?: boolean;
  /** The next part was asked for in vain. */
  failed?: boolean;
  /** The server searches it: among all that there is, and not among what has come. */
  searched?: boolean;
}

const NOTHING: never[] = [];

/** What the server gives at once. */
export function whole<R>(of: UseQueryResult<R[]>): Listing<R> {
  return {
    items: of.data ?? NOTHING,
    loading: of.isPending,
    complete: true,
    error: of.error,
    retry: () => void of.refetch(),
  };
}

/**
 * What the server gives in parts, the newest first, and of which there may be more than anybody wants to see. What is
 * searched is part of the question.
 */
export function useParts<R>(
  key: unknown[],
  ask: (query: { limit: number; from?: string }, signal: AbortSignal) => Promise<Part<R>>,
  enabled = true,
): Listing<R> {
  const query = useInfiniteQuery({
    enabled,
    queryKey: [...key, 'parts'],
    queryFn: ({ pageParam, signal }) => ask(pageParam ? { limit: PAGE, from: pageParam } : { limit: FIRST }, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next,
  });
  const { hasNextPage, fetchNextPage } = query;
  return {
    items: useMemo(() => query.data?.pages.flatMap((p) => p.items) ?? [], [query.data]),
    loading: query.isPending,
    complete: !hasNextPage,
    error: query.error,
    retry: () => void query.refetch(),
    more: hasNextPage ? () => void fetchNextPage() : undefined,
    coming: query.isFetchingNextPage,
    failed: query.isFetchNextPageError,
    searched: true,
  };
}

// One generic reader for all kinds: their paths and answers differ only in the word for the kind.
async function part<K extends Plural>(plural: K, project: string, labels: string, fields: string, cursor: string, signal: AbortSignal) {
  const answer = await unwrap(
    api.GET(`/api/v1/projects/{project}/${plural}` as '/api/v1/projects/{project}/machines', {
      params: {
        path: { project },
        query: { limit: cursor ? PAGE : FIRST, ...(labels ? { labelSelector: labels } : {}), ...(fields ? { fieldSelector: fields } : {}), ...(cursor ? { cursor } : {}) },
      },
      signal,
    }),
  );
  return answer as unknown as Part<Kinds[K]>;
}

export const collectionKey = (plural: string, project: string, labels = '', fields = '') => ['list', plural, project, fields ? `${labels} ${fields}` : labels];
export const oneKey = (plural: string, project: string, name: string) => ['one', plural, project, name];

/** All of a collection: read in parts, shown as they come, and kept true by {@link useLive}. */
export function useCollection<K extends Plural>(plural: K, project: string, labels = '', fields = ''): Listing<Kinds[K]> {
  const query = useInfiniteQuery({
    queryKey: collectionKey(plural, project, labels, fields),
    queryFn: ({ pageParam, signal }) => part(plural, project, labels, fields, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.next,
    structuralSharing: false, // comparing ten thousand of them would be felt; drawing the few that are seen is not
  });
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = query;
  useEffect(() => {
    // Not while its first parts are read anew, which would be given up and stay as they were.
    if (hasNextPage && !isFetching && !isFetchNextPageError) {
      void fetchNextPage();
    }
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  const items = useMemo(() => query.data?.pages.flatMap((p) => p.items) ?? [], [query.data]);
  return {
    items: items as Kinds[K][],
    loading: query.isPending,
    complete: !query.isPending && !hasNextPage,
    error: query.error,
    retry: () => void query.refetch(),
  };
}

/** What a project may name: its own, then the shared ones that it does not hide. */
export function useNameable<K extends Plural>(plural: K, project: string, labels = ''): Listing<Kinds[K]> {
  const own = useCollection(plural, project, labels);
  const shared = useCollection(plural, SHARED, labels);
  const items = useMemo(() => {
    const mine = new Set(own.items.map((r) => r.metadata.name));
    return project === SHARED || project === '-' ? own.items : [...own.items, ...shared.items.filter((r) => !mine.has(r.metadata.name))];
  }, [own.items, shared.items, project]);
  return {
    items,
    loading: own.loading || shared.loading,
    complete: own.complete && shared.complete,
    error: own.error ?? shared.error,
    retry: () => {
      own.retry();
      shared.retry();
    },
  };
}

export async function readOne<K extends Plural>(plural: K, project: string, name: string): Promise<Kinds[K]> {
  const answer = await unwrap(
    api.GET(`/api/v1/projects/{project}/${plural}/{name}` as '/api/v1/projects/{project}/machines/{name}', {
      params: { path: { project, name } },
    }),
  );
  return answer as unknown as Kinds[K];
}

export const one = <K extends Plural>(plural: K, project: string, name: string) =>
  queryOptions({
    queryKey: oneKey(plural, project, name),
    queryFn: () => readOne(plural, project, name),
    structuralSharing: (before, now) => (before && newest(before as Listed, now as Listed) === before ? before : replaceEqualDeep(before, now)),
  });

/** Which look at each resource was the last whose answer is shown: what was asked for before it tells of the past. */
const looked = new Map<string, number>();
let looks = 0;

/** Looks at one resource again and puts it into every list that shows it. */
export async function refresh(queries: QueryClient, plural: Plural, project: string, name: string) {
  const lists = () =>
    queries
      .getQueryCache()
      .findAll({ queryKey: ['list', plural] })
      .filter((q) => q.queryKey[2] === project || q.queryKey[2] === '-');
  const shown = () => queries.getQueryCache().find({ queryKey: oneKey(plural, project, name) });
  if (lists().length === 0 && !shown()) {
    return;
  }
  const key = `${plural}/${project}/${name}`;
  const look = ++looks;
  let now: Kinds[Plural] | null;
  try {
    now = await readOne(plural, project, name);
  } catch (e) {
    if (!(e instanceof ApiProblem) || e.status !== 404) {
      // Nobody tells of this change again: what shows it is asked for, which is tried until it is answered.
      for (const { queryKey } of [...lists(), shown()].filter((q) => q !== undefined)) {
        renew(queries, { queryKey, exact: true }, BREATH);
      }
      return;
    }
    now = null;
  }
  if (look < (looked.get(key) ?? 0)) {
    return;
  }
  looked.set(key, look);
  if (now) {
    queries.setQueryData<Listed>(oneKey(plural, project, name), (before) => (before ? newest<Listed>(before, now) : now));
  } else if (shown()) {
    void queries.invalidateQueries({ queryKey: oneKey(plural, project, name) });
  }
  for (const list of lists()) {
    if (list.queryKey[3]) {
      renew(queries, { queryKey: list.queryKey, exact: true }, BREATH); // a selector is the server's to apply
    } else {
      patch(queries, list, project, name, now);
    }
  }
}

export function useProjects() {
  return useQuery({
    queryKey: ['projects'],
    queryFn: async () => (await unwrap(api.GET('/api/v1/projects'))).items as (string | { name: string })[],
    select: (items) => items.map((i) => (typeof i === 'string' ? i : i.name)),
    staleTime: 30_000,
  });
}

export interface OperationFilter {
  project?: string | undefined;
  kind?: string | undefined;
  name?: string | undefined;
  state?: string | undefined;
  q?: string | undefined;
  limit?: number;
}

export const operations = (filter: OperationFilter) =>
  queryOptions({
    queryKey: ['operations', filter],
    queryFn: async ({ signal }) => {
      const query = Object.fromEntries(
        Object.entries({ limit: 100, ...filter }).filter(([k, v]) => v && !(k === 'project' && v === '-')),
      );
      return (await unwrap(api.GET('/api/v1/operations', { params: { query }, signal }))).items;
    },
  });

/** All that was done, as far back as it is kept. */
export const useOperations = ({ limit: _, ...filter }: OperationFilter) =>
  useParts<Operation>(['operations', filter], async ({ limit, from }, signal) => {
    const query = Object.fromEntries(
      Object.entries({ ...filter, limit, cursor: from }).filter(([k, v]) => v && !(k === 'project' && v === '-')),
    );
    return unwrap(api.GET('/api/v1/operations', { params: { query }, signal }));
  });

/** What is being done with resources of this kind, by their uid. */
export function useGoing(project: string, kind: string) {
  const { data } = useQuery({ ...operations({ project, kind, state: 'running', limit: 1000 }), refetchInterval: (q) => (q.state.data?.length ? 2000 : false) });
  return useMemo(() => new Map((data ?? []).map((o) => [o.spec.target.uid, o])), [data]);
}

export const operation = (uid: string) =>
  queryOptions({
    queryKey: ['operation', uid],
    queryFn: () => unwrap(api.GET('/api/v1/operations/{uid}', { params: { path: { uid } } })),
  });

/**
 * What the steps said so far; read on from where it was until the operation has ended and all of it is read: the last
 * lines are often why it ended.
 */
export function useOperationLog(of: Operation | undefined) {
  const queries = useQueryClient();
  const uid = of?.metadata.uid ?? '';
  return useQuery({
    queryKey: ['log', uid],
    enabled: !!of,
    refetchInterval: ({ state }) => (state.data?.whole ? false : 1000),
    queryFn: async () => {
      const lines = [...(queries.getQueryData<OperationLog>(['log', uid])?.lines ?? [])];
      for (let read = LINES; read === LINES; ) {
        const log = await unwrap(
          api.GET('/api/v1/operations/{uid}/logs', {
            params: { path: { uid }, query: { after: lines.at(-1)?.seq ?? 0, limit: LINES } },
          }),
        );
        lines.push(...log.items);
        read = log.items.length;
      }
      // What had ended before this was asked for says no more.
      return { lines, whole: !!of && !running(of) };
    },
  });
}

interface OperationLog {
  lines: Schemas['OperationLine'][];
  whole: boolean;
}

const LINES = 1000;

export const events = (project: string, kind?: string, name?: string, limit = 200) =>
  queryOptions({
    queryKey: ['events', project, kind ?? '', name ?? '', limit],
    queryFn: async () =>
      (
        await unwrap(
          api.GET('/api/v1/projects/{project}/events', {
            params: { path: { project }, query: { limit, ...(kind ? { kind } : {}), ...(name ? { name } : {}) } },
          }),
        )
      ).items.toReversed(),
  });

/** All that has happened, as far back as it is kept. */
export const useEvents = (project: string, { kind, name, q }: { kind?: string | undefined; name?: string | undefined; q?: string | undefined }) =>
  useParts<Schemas['Event']>(['events', project, kind ?? '', name ?? '', q ?? ''], async ({ limit, from }, signal) => {
    const query = { limit, ...(kind ? { kind } : {}), ...(name ? { name } : {}), ...(q ? { q } : {}), ...(from ? { before: from } : {}) };
    const part = await unwrap(api.GET('/api/v1/projects/{project}/events', { params: { path: { project }, query }, signal }));
    return { ...part, items: part.items.toReversed() };
  });

/** Who did what. */
export function useAudit(
  project: string,
  { who, result, q }: { who?: string | undefined; result?: string | undefined; q?: string | undefined },
): Listing<Schemas['Act']> {
  const [one, every] = [useMay(project, 'audit'), useMayInAll('audit')];
  const may = project === ALL ? every : one;
  const found = useParts<Schemas['Act']>(
    ['audit', project, who ?? '', result ?? '', q ?? ''],
    async ({ limit, from }, signal) => {
      const query = { limit, ...(who ? { who } : {}), ...(result ? { result } : {}), ...(q ? { q } : {}), ...(from ? { before: Number(from) } : {}) };
      const part = await (project === ALL
        ? unwrap(api.GET('/api/v1/audit', { params: { query }, signal }))
        : unwrap(api.GET('/api/v1/projects/{project}/audit', { params: { path: { project }, query }, signal })));
      return { items: part.items, ...(part.next ? { next: String(part.next) } : {}) };
    },
    may.allowed === true,
  );
  return permitted(may, found);
}

export const quarantine = (project: string) =>
  queryOptions({
    queryKey: ['quarantine', project],
    queryFn: async () =>
      (await unwrap(api.GET('/api/v1/projects/{project}/quarantine', { params: { path: { project } } }))).items,
  });

/** What waits for approval. */
export const waiting = (project: string) =>
  queryOptions({
    queryKey: ['approvals', project, 'waiting'],
    queryFn: async () =>
      (
        await unwrap(
          api.GET('/api/v1/projects/{project}/approvals', { params: { path: { project }, query: { waiting: true, limit: PAGE } } }),
        )
      ).items,
  });

/** What waits for approval, and what became of the rest; the newest first. */
export const useApprovals = (project: string, { state, q }: { state?: string | undefined; q?: string | undefined }) =>
  useParts<Schemas['Approval']>(['approvals', project, state ?? '', q ?? ''], ({ limit, from }, signal) =>
    unwrap(
      api.GET('/api/v1/projects/{project}/approvals', {
        params: { path: { project }, query: { limit, ...(state ? { state } : {}), ...(q ? { q } : {}), ...(from ? { before: from } : {}) } },
        signal,
      }),
    ),
  );

export const approvalRules = (project: string) =>
  queryOptions({
    queryKey: ['approval-rules', project],
    queryFn: async () =>
      (await unwrap(api.GET('/api/v1/projects/{project}/approval-rules', { params: { path: { project } } }))).rules,
  });

/** What a webhook was told, and has to be told; the newest first. Nothing else tells of it, so it is asked for. */
export const deliveries = (project: string, name: string) =>
  queryOptions({
    queryKey: ['deliveries', project, name],
    refetchInterval: 5000,
    queryFn: async () =>
      (await unwrap(api.GET('/api/v1/projects/{project}/webhooks/{name}/deliveries', { params: { path: { project, name } } }))).items,
  });

export const prices = queryOptions({ queryKey: ['prices'], queryFn: () => unwrap(api.GET('/api/v1/prices')) });

export const showback = (project: string, month?: string) =>
  queryOptions({
    queryKey: ['showback', project, month ?? ''],
    queryFn: () =>
      unwrap(api.GET('/api/v1/projects/{project}/showback', { params: { path: { project }, query: month ? { month } : {} } })),
  });

/** What an order does, or would do. */
export async function order(project: string, name: string, parameters: Record<string, string>, dryRun: boolean) {
  return unwrap(
    api.POST('/api/v1/projects/{project}/offers/{name}:order', {
      params: { path: { project, name }, query: { dryRun }, header: dryRun ? {} : once() },
      body: { parameters },
    }),
  );
}

/** How a project stands, counted by the server; kept true by {@link useLive}, but not at every change. */
export const summary = (project: string) =>
  queryOptions({
    queryKey: ['summary', project],
    queryFn: () => unwrap(api.GET('/api/v1/projects/{project}/summary', { params: { path: { project } } })),
  });

/** How machines differ from what is declared; of all of them the server tells what it saw within half a minute, so it is asked again. With a limit of 0 it tells only how many do, which is small however many there are. */
export const drift = (project: string, query: { machine?: string; limit?: number } = {}) =>
  queryOptions({
    queryKey: ['drift', project, query],
    queryFn: () => unwrap(api.GET('/api/v1/projects/{project}/drift', { params: { path: { project }, query } })),
    staleTime: 15_000,
    refetchInterval: query.machine ? false : 30_000,
  });

/** Which layer sets each value of a machine's customisation. */
export const customisation = (project: string, name: string) =>
  queryOptions({
    queryKey: ['customisation', project, name],
    queryFn: async () =>
      (await unwrap(api.GET('/api/v1/projects/{project}/machines/{name}/customisation', { params: { path: { project, name } } }))).items,
  });

/** What a machine uses; asked again as often as its hypervisor is. */
export const usage = (project: string, name: string) =>
  queryOptions({
    queryKey: ['usage', project, name],
    queryFn: () =>
      unwrap(api.GET('/api/v1/projects/{project}/machines/{name}/metrics', { params: { path: { project, name } } })),
    refetchInterval: 30_000,
  });

/** What all machines of a project use; asked again as often as their hypervisors are. */
export const loads = (project: string) =>
  queryOptions({
    queryKey: ['loads', project],
    queryFn: async () => (await unwrap(api.GET('/api/v1/projects/{project}/metrics', { params: { path: { project } } }))).items,
    refetchInterval: 30_000,
  });

const orphans = queryOptions({
  queryKey: ['orphans'],
  queryFn: async () => (await unwrap(api.GET('/api/v1/orphans'))).items,
});

/** What belongs to nothing declared. */
export function useOrphans(): Listing<Schemas['Orphan']> {
  const may = useMay(ALL, 'tend'); // which is the same everywhere
  return permitted(may, whole(useQuery({ ...orphans, enabled: may.allowed === true })));
}

/** Whether one may do something, once the server has said so; or why not, or why that is not known. */
export interface Permission {
  allowed?: boolean;
  reason?: string;
  error?: Error | null;
  retry?: () => void;
}

export function useMay(project: string, what: string): Permission {
  const { data, error, refetch } = useQuery(access(project));
  const said = data?.find((a) => a.action === what);
  const retry = () => void refetch();
  return data ? { allowed: said?.allowed !== false, ...(said?.reason ? { reason: said.reason } : {}), retry } : { error, retry };
}

/** The same for what belongs to no project, for which a role in one is not enough. */
function useMayInAll(what: 'govern' | 'audit'): Permission {
  const may = useMay(ALL, what);
  const { global } = useSignedIn().roles;
  return global === 'admin' ? may : { ...may, allowed: false, reason: 'this needs the role admin in all projects' };
}

/**
 * What is asked for only by whoever may see it, and told as the server would say it to others: each refusal is written
 * into the audit for ever, and nobody learns anything by it.
 */
export function permitted<R>({ allowed, reason = '', error, retry }: Permission, of: Listing<R>): Listing<R> {
  const nothing = { ...of, items: NOTHING, loading: false, ...(retry ? { retry } : {}) };
  if (allowed === false) {
    return { ...nothing, error: new ApiProblem(403, { type: 'about:blank', title: 'Not allowed', status: 403, detail: reason }) };
  }
  return error ? { ...nothing, error } : of;
}

export const addresses = (project: string, name: string) =>
  queryOptions({
    queryKey: ['addresses', project, name],
    queryFn: async () =>
      (
        await unwrap(
          api.GET('/api/v1/projects/{project}/networks/{name}/addresses', { params: { path: { project, name } } }),
        )
      ).subnets,
  });

/** What may be done, and why not; a server that does not say so lets try everything. */
export interface Allowed {
  action: string;
  allowed: boolean;
  reason?: string;
}

export const actions = (plural: Plural, project: string, name: string) =>
  queryOptions({
    queryKey: ['actions', plural, project, name],
    queryFn: async (): Promise<Allowed[]> => {
      const response = await send(
        new Request(new URL(`/api/v1/projects/${project}/${plural}/${name}/actions`, location.origin)),
      );
      if (response.status === 404) {
        return [];
      }
      const body = await response.json();
      if (!response.ok) {
        throw new ApiProblem(response.status, asProblem(body, response));
      }
      return Array.isArray(body) ? body : body.items;
    },
  });

/** What one may do in a project, or in any, as `declare Machine` or `govern`. */
export const access = (project: string) =>
  queryOptions({
    queryKey: ['access', project],
    staleTime: 60_000,
    queryFn: async (): Promise<Allowed[]> =>
      (await unwrap(api.GET('/api/v1/projects/{project}/access', { params: { path: { project } } }))).items.map((p) => ({
        action: p.kind ? `${p.verb} ${p.kind}` : p.verb,
        allowed: p.allowed,
        reason: p.reason,
      })),
  });

export const projectOf = (project: string) =>
  queryOptions({
    queryKey: ['project', project],
    queryFn: () => unwrap(api.GET('/api/v1/projects/{project}', { params: { path: { project } } })),
  });

export const members = (project: string) =>
  queryOptions({
    queryKey: ['members', project],
    queryFn: async () => (await unwrap(api.GET('/api/v1/projects/{project}/members', { params: { path: { project } } }))).items,
  });

const users = queryOptions({
  queryKey: ['users'],
  queryFn: async () => (await unwrap(api.GET('/api/v1/users'))).items,
});

export function useUsers(): Listing<Schemas['User']> {
  const may = useMayInAll('govern');
  return permitted(may, whole(useQuery({ ...users, enabled: may.allowed === true })));
}

/** Who has a role in all projects. */
export const globalRoles = queryOptions({
  queryKey: ['global-roles'],
  queryFn: async () => (await unwrap(api.GET('/api/v1/roles'))).items,
});

export const sessions = queryOptions({
  queryKey: ['sessions'],
  queryFn: async () => (await unwrap(api.GET('/api/v1/sessions'))).items,
});

export const tokens = queryOptions({
  queryKey: ['tokens'],
  queryFn: async () => (await unwrap(api.GET('/api/v1/tokens'))).items,
});

export const groupMembers = (project: string, name: string) =>
  queryOptions({
    queryKey: ['group-members', project, name],
    queryFn: async () =>
      (await unwrap(api.GET('/api/v1/projects/{project}/groups/{name}/members', { params: { path: { project, name } } }))).items,
  });

export const groupRevisions = (project: string, name: string) =>
  queryOptions({
    queryKey: ['group-revisions', project, name],
    queryFn: async () =>
      (
        await unwrap(api.GET('/api/v1/projects/{project}/groups/{name}/revisions', { params: { path: { project, name } } }))
      ).items.toReversed(),
  });

export const groupDiff = (project: string, name: string, from: number, to: number) =>
  queryOptions({
    queryKey: ['group-diff', project, name, from, to],
    staleTime: Infinity, // revisions never change
    queryFn: async () =>
      (
        await unwrap(
          api.GET('/api/v1/projects/{project}/groups/{name}/diff', { params: { path: { project, name }, query: { from, to } } }),
        )
      ).changes,
  });

/** A try that is sent twice is done once. */
export const once = () => ({ 'Idempotency-Key': crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });

/** What a machine would be told at its first boot, or by its installer; nothing is stored. */
export const rendering = (project: string, yaml: string) =>
  queryOptions({
    queryKey: ['plan', 'rendering', project, yaml],
    staleTime: 0,
    queryFn: () =>
      unwrap(
        api.POST('/api/v1/projects/{project}/renderings', {
          params: { path: { project } },
          body: yaml as never,
          bodySerializer: (text: unknown) => text as string,
          headers: { 'Content-Type': 'application/yaml' },
        }),
      ),
  });

/** As {@link applyText} of one machine, which must be new. */
export async function createMachine(project: string, yaml: string) {
  return unwrap(
    api.POST('/api/v1/projects/{project}/machines', {
      params: { path: { project }, header: once() },
      body: yaml as never,
      bodySerializer: (text: unknown) => text as string,
      headers: { 'Content-Type': 'application/yaml' },
    }),
  );
}

/** Applies a text; a dry run tells what that would do, and who has to approve it. */
export async function applyText(project: string, yaml: string, dryRun: boolean): Promise<Schemas['Apply']> {
  return unwrap(
    api.POST('/api/v1/apply', {
      params: { query: { project, dryRun }, header: dryRun ? {} : once() },
      body: yaml as never,
      bodySerializer: (text: unknown) => text as string,
      headers: { 'Content-Type': 'application/yaml' },
    }),
  );
}
