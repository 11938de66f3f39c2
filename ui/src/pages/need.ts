import type { Schemas } from '../api/client';

/** Why something waits for approval, and for how many people; in words. */
export function need(of: Pick<Schemas['Approval'], 'because' | 'people' | 'votes'>): string {
  const yes = of.votes.filter((v) => v.yes).map((v) => v.who);
  const who = of.people === 1 ? 'One other person has' : 'Two other people have';
  const had = yes.length > 0 ? `, and ${yes.join(' and ')} already did` : '';
  return `${who} to approve it${had}: ${of.because.join('; ')}.`;
}
