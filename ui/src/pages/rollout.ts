import { condition, type Group, type Health } from '../api/kinds';
import type { Schemas } from '../api/client';

export type Member = Schemas['GroupMember'];

/** One that has been changed and has no trouble only has to prove itself yet. */
export function memberStanding(m: Pick<Member, 'state' | 'message'>): { health: Health; word: string } {
  switch (m.state) {
    case 'healthy':
      return { health: 'good', word: 'Healthy' };
    case 'busy':
      return { health: 'busy', word: 'Busy' };
    case 'leaving':
      return { health: 'off', word: 'Leaving' };
    default:
      return m.message ? { health: 'bad', word: 'Unhealthy' } : { health: 'busy', word: 'Not yet healthy' };
  }
}

/** How far a rollout is: of the members that there are to be, how many have what is declared. */
export interface Progress {
  going: boolean;
  revision: number;
  updated: number;
  healthy: number;
  count: number;
  /** So many must stay healthy, whatever the rollout does. */
  least: number;
  percent: number;
}

export function progressOf(group: Group): Progress {
  const { count, rollout } = group.spec;
  const { updated, healthy, revision } = group.status;
  const spared = rollout?.maxUnavailable ?? (rollout?.surge ? 0 : 1);
  const reason = condition(group, 'Ready')?.reason ?? '';
  return {
    going: ['RollingOut', 'RollingBack', 'Paused'].includes(reason),
    revision,
    updated,
    healthy,
    count,
    least: Math.max(0, count - spared),
    percent: count === 0 ? 100 : Math.min(100, Math.round((updated / count) * 100)),
  };
}

/** How a change reaches the members, in words and in the order in which it happens. */
export function wayOf(group: Group): string[] {
  const r = group.spec.rollout ?? {};
  const out: string[] = [];
  if (r.canary) {
    out.push(`${r.canary} first${r.pause === 'canary' ? ', then it waits to be continued' : ''}`);
  }
  const parts = r.batchSize ? `the others ${r.batchSize} at a time` : r.batches ? `the others in ${r.batches} parts` : '';
  if (parts) {
    out.push(`${parts}${r.pause === 'batch' ? ', waiting after each' : ''}`);
  }
  const spared = r.maxUnavailable ?? (r.surge ? 0 : 1);
  out.push(spared > 0 ? `at most ${spared} unhealthy on its account` : 'all stay healthy');
  if (r.surge) {
    out.push(`${r.surge} more meanwhile`);
  }
  out.push(`healthy: ${gate(r.healthGate)}`);
  out.push(r.onFailure === 'rollback' ? 'goes back when a member fails' : 'stops when a member fails');
  return out;
}

function gate(g: Schemas['GroupHealthGate'] | undefined): string {
  const what = g?.tcp
    ? `port ${g.tcp.port} takes connections`
    : g?.http
      ? `GET ${g.http.path ?? '/'} answers`
      : g?.command
        ? g.command.join(' ')
        : `condition ${g?.condition ?? 'Ready'}`;
  return g?.minHealthySeconds ? `${what} for ${g.minHealthySeconds} s` : what;
}
