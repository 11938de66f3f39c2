import { SHARED } from '../api/kinds';
import type { Session } from '../api/session';

/**
 * The project for what somebody declares who has not said in which: `default`, or else the first one in which they may
 * declare at all, or see anything. `shared` only where things of all kinds are declared, for who may do so nowhere else.
 */
export function placeOf(roles: Session['roles'], orShared = false): string {
  const declares = (role: string | null | undefined) => !!role && role !== 'viewer';
  if (declares(roles.global) || declares(roles.projects.default)) {
    return 'default';
  }
  const own = Object.keys(roles.projects)
    .filter((p) => p !== SHARED)
    .sort();
  const one = own.find((p) => declares(roles.projects[p])) ?? (orShared && declares(roles.projects[SHARED]) ? SHARED : undefined);
  return one ?? (roles.global ? 'default' : own[0]) ?? 'default';
}
