import type { Schemas } from '../api/client';
import { exact } from '../parts/format';
import { LIMITED, limitsOf, usedOf } from './quota';

const DAY = 24 * 3600 * 1000;
const NEAR = 3 * DAY;
const NEARLY = 0.85;

/** Something that runs out, and where one does something about it. */
export interface Ending {
  key: string;
  to: string;
  what: string;
  why: string;
  /** Left out of what has no moment. */
  when?: string;
}

/** What runs out soon: machines near their end, deleted volumes that will be gone for ever, a quota nearly used. */
export function runsOut(
  machines: Schemas['Ending'][],
  kept: Schemas['QuarantinedVolume'][],
  project: Schemas['Project'] | undefined,
  now: number,
): Ending[] {
  const near = (when: string) => Date.parse(when) - now < NEAR;
  const timed: (Ending & { when: string })[] = [
    ...machines.map((m) => ({
      key: `${m.project}/${m.name}`,
      to: `/p/${m.project}/machines/${m.name}`,
      what: `Machine ${m.name}`,
      why: 'It is deleted then; its volumes stay. Extend it there.',
      when: m.expiresAt,
    })),
    ...kept.flatMap((q) =>
      near(q.until)
        ? [
            {
              key: q.uid,
              to: `/p/${q.project}/volumes`,
              what: `Deleted volume ${q.name}`,
              why: `Its disk is gone for ever at ${exact(q.until)}; until then it can be restored.`,
              when: q.until,
            },
          ]
        : [],
    ),
  ];
  const limits = project ? limitsOf(project.quota) : {};
  const full = LIMITED.flatMap((l): Ending[] => {
    const limit = limits[l.key];
    const used = project ? usedOf(project.used)[l.key] : 0;
    return limit !== undefined && used >= NEARLY * limit
      ? [
          {
            key: `quota.${l.key}`,
            to: `/p/${project!.name}/projects`,
            what: `${l.title} of the quota`,
            why: `${l.say(used)} of ${l.say(limit)} are used.`,
          },
        ]
      : [];
  });
  return [...full, ...timed.sort((a, b) => a.when.localeCompare(b.when))];
}
