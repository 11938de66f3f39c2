import type { Operation } from '../api/kinds';

/** How far an operation got: the part that is done, and what its present step is or last said. */
export function reached(of: Operation): { percent: string; step: string } {
  const step = of.status.steps.find((s) => s.state === 'running') ?? of.status.steps.find((s) => s.state === 'pending');
  // A step that takes long tells its own part; the operation counts steps.
  const percent = step?.percent ?? of.status.percent;
  const says = [step?.title, step?.message || of.status.message].filter(Boolean).join(': ');
  return { percent: percent > 0 ? `${percent} %` : '', step: says };
}
