import { expect, it } from 'vitest';
import { attendance } from './attended';

it('nobody is there who has touched nothing for a minute', () => {
  const page = new EventTarget();
  let now = 1_000_000;
  const attended = attendance(page, () => now);
  expect(attended()).toBe(true);
  now += 60_001;
  expect(attended()).toBe(false);
  page.dispatchEvent(new Event('pointermove'));
  expect(attended()).toBe(false);
  for (const touch of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
    page.dispatchEvent(new Event(touch));
    expect(attended()).toBe(true);
    now += 60_001;
    expect(attended()).toBe(false);
  }
});
