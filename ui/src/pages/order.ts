import type { Schemas } from '../api/client';

/** What a form has in it before anybody types: a box that is not ticked says no, and a list of one its option. */
export function presetsOf(parameters: Schemas['OfferParameter'][]): Record<string, string> {
  return Object.fromEntries(
    parameters.map((p) => [
      p.name,
      p.preset ?? (p.type === 'boolean' ? 'false' : p.type === 'enum' && p.options?.length === 1 ? p.options[0]! : ''),
    ]),
  );
}
