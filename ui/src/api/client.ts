import createClient from 'openapi-fetch';
import type { components, paths } from './schema';
import { attendance } from './attended';
import { credentials } from './credentials';

export type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];

/** What the API said when it refused, or that it could not be reached. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail || problem.title);
  }

  /** Nothing went wrong, but others have to approve it first, or did not. */
  get approval(): boolean {
    return this.problem.type?.endsWith('/approval-needed') ?? false;
  }

  /** The message that belongs to a field, such as `spec.size`; fields are named `Machine web: spec.size`. */
  at(path: string): string | undefined {
    return this.problem.errors?.find((e) => {
      const field = e.field.replace(/^.*: /, '');
      return field === path || field.startsWith(path + '[') || field.startsWith(path + '.');
    })?.message;
  }
}

const attended = attendance(window);

/** Adds what shows who asks, and that nobody does where the page looks again by itself: a token as bearer, or the session's proof that it was our page which sent this. */
export async function send(input: Request): Promise<Response> {
  const request = new Request(input);
  const { token, csrf } = credentials.get();
  if (token) {
    request.headers.set('Authorization', `Bearer ${token}`);
  } else if (csrf && request.method !== 'GET' && request.method !== 'HEAD') {
    request.headers.set('X-CSRF-Token', csrf);
  }
  if (request.method === 'GET' && !attended()) {
    request.headers.set('X-Unattended', '1'); // a page that is merely open keeps no session alive
  }
  let response: Response;
  try {
    response = await fetch(request, { credentials: token ? 'omit' : 'same-origin', cache: 'no-store' });
  } catch (e) {
    if (request.signal.aborted) {
      throw e;
    }
    throw new ApiProblem(0, {
      type: 'about:blank',
      title: 'No answer',
      status: 0,
      detail:
        request.method === 'GET'
          ? 'The server does not answer; it may be restarting. This page tries again by itself.'
          : 'The server does not answer; it may be restarting. Look whether it was done before you try again.',
    });
  }
  if (response.status === 401 && !new URL(request.url).pathname.startsWith('/api/v1/session')) {
    credentials.lost();
  }
  return response;
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

/** The data of an answer, which is never one of the streams that some paths also have; a refusal is thrown. */
export async function unwrap<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, string>> {
  const { data, error, response } = await answer;
  if (!response.ok) {
    throw new ApiProblem(response.status, asProblem(error, response));
  }
  return data as Exclude<T, string>;
}

export function asProblem(error: unknown, response: { status: number; statusText: string }): Problem {
  if (error && typeof error === 'object' && 'title' in error) {
    return error as Problem;
  }
  return {
    type: 'about:blank',
    title: response.statusText || 'Refused',
    status: response.status,
    detail: `The server answered ${response.status} ${response.statusText}`.trim() + '.',
  };
}
