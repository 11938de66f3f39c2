import { describe, expect, it } from 'vitest';
import { standingOf } from './kinds';

const unready = (kind: string, reason: string) =>
  standingOf({
    kind,
    deleting: false,
    off: false,
    conditions: [{ type: 'Ready', value: 'false', reason, message: 'It is not.', since: '2026-01-01T00:00:00Z' }],
  }).health;

describe('how a resource stands', () => {
  it('is worked on where the reason says so', () => {
    expect(unready('Pool', 'Refilling')).toBe('busy');
    expect(unready('Volume', 'Restoring')).toBe('busy');
    expect(unready('Machine', 'Rebuilding')).toBe('busy');
  });
  it('is bad where somebody has to look', () => {
    expect(unready('Pool', 'Failing')).toBe('bad');
    expect(unready('Machine', 'FirstBootFailed')).toBe('bad');
  });
});
