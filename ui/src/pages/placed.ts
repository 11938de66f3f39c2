import type { Problem } from '../api/client';

/** What the server found wrong, at the fields of a form; and what belongs to none of them. */
export interface Placed<F extends string> {
  at: Partial<Record<F, string>>;
  rest: { field: string; message: string }[];
}

/**
 * Gives each error to the field whose path is the longest one that it is at or below; the server calls fields
 * `Machine web: spec.nics[0].ipv4`.
 *
 * @param paths where each field of the form stands in the manifest; several where it fills in several
 */
export function placed<F extends string>(problem: Problem | undefined, paths: Record<F, string[]>): Placed<F> {
  const out: Placed<F> = { at: {}, rest: [] };
  const all = (Object.entries(paths) as [F, string[]][]).flatMap(([field, some]) => some.map((path) => ({ field, path })));
  for (const error of problem?.errors ?? []) {
    const where = error.field.replace(/^.*: /, '');
    const best = all
      .filter(({ path }) => where === path || where.startsWith(`${path}.`) || where.startsWith(`${path}[`))
      .sort((a, b) => b.path.length - a.path.length)[0];
    if (best) {
      out.at[best.field] = [out.at[best.field], error.message].filter(Boolean).join('; ');
    } else {
      out.rest.push(error);
    }
  }
  return out;
}
