import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { ApiProblem, asProblem, send } from './client';
import { credentials } from './credentials';

/** Who is signed in. */
export interface Session {
  user: { name: string; displayName: string; mustChangePassword: boolean };
  csrfToken: string | null;
  roles: { global: string | null; projects: Record<string, string> };
}

const PATH = '/api/v1/session';
export const SESSION = ['session'];

async function call(method: string, path: string, body?: object): Promise<Session | null> {
  const response = await send(
    new Request(new URL(path, location.origin), {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
    }),
  );
  const text = await response.text();
  const json = text && response.headers.get('Content-Type')?.includes('json') ? JSON.parse(text) : null;
  if (!response.ok) {
    throw new ApiProblem(response.status, asProblem(json, response));
  }
  return json as Session | null;
}

const nobody: Session = {
  user: { name: '', displayName: '', mustChangePassword: false },
  csrfToken: null,
  roles: { global: null, projects: {} },
};

/** The session in force, or that of the token at hand; null if nobody is signed in. */
async function current(): Promise<Session | null> {
  try {
    const session = await call('GET', PATH);
    credentials.useSession(session?.csrfToken || null);
    return session;
  } catch (e) {
    if (e instanceof ApiProblem && e.status === 401) {
      credentials.useToken(null);
      return null;
    }
    throw e;
  }
}

export function useSession() {
  return useQuery({ queryKey: SESSION, queryFn: current, staleTime: Infinity });
}

export function useSignedIn(): Session {
  return useSession().data ?? nobody;
}

/** The provider of identities by which people can sign in, if there is one. */
export function useProvider() {
  const ways = useQuery({
    queryKey: [...SESSION, 'ways'],
    queryFn: async () =>
      (await (await send(new Request(new URL(`${PATH}/ways`, location.origin)))).json()) as {
        provider?: { name: string; path: string };
      },
    staleTime: Infinity,
    retry: false,
  });
  return ways.data?.provider;
}

/** Nothing that one person saw stays for the next one. */
function begin(queries: QueryClient, session: Session | null) {
  credentials.useSession(session?.csrfToken || null);
  credentials.found();
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== SESSION[0] });
  queries.setQueryData(SESSION, session);
}

/** Ends the session; also one that was begun in another tab meanwhile, whose token is not known here yet. */
async function over() {
  try {
    await call('DELETE', PATH);
  } catch (e) {
    if (!(e instanceof ApiProblem) || e.status !== 403) {
      throw e;
    }
    await current();
    await call('DELETE', PATH);
  }
}

export function useSigning() {
  const queries = useQueryClient();
  return {
    async withPassword(name: string, password: string) {
      credentials.useToken(null);
      begin(queries, await call('POST', PATH, { name, password }));
    },
    async withToken(token: string) {
      credentials.useToken(token);
      const session = await current();
      if (!session) {
        throw new ApiProblem(401, {
          type: 'about:blank',
          title: 'Not signed in',
          status: 401,
          detail: 'This token is unknown, has expired or was revoked.',
        });
      }
      begin(queries, session);
    },
    async changePassword(before: string, next: string) {
      await call('POST', `${PATH}/password`, { old: before, new: next });
      credentials.useSession(null);
      begin(queries, await current());
    },
    /** Nobody is signed out whose session goes on: unless the server says that it is over, all stays as it is. */
    async out() {
      if (!credentials.get().token) {
        try {
          await over();
        } catch (e) {
          if (!(e instanceof ApiProblem) || e.status !== 401) {
            throw e;
          }
        }
      }
      credentials.useToken(null);
      begin(queries, null);
    },
  };
}
