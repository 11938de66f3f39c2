/** Who has not touched the page for so long is taken to be away. */
const AWAY = 60_000;

/** What somebody does who is there; that the pointer moves over the page is not. */
const TOUCHES = ['pointerdown', 'keydown', 'wheel', 'touchstart', 'touchmove'];

/** Says whether anybody is there, by what they did last; whoever opens the page is. */
export function attendance(page: EventTarget, now: () => number = () => performance.now()): () => boolean {
  let touched = now();
  for (const touch of TOUCHES) {
    page.addEventListener(touch, () => (touched = now()), { capture: true, passive: true });
  }
  return () => now() - touched <= AWAY;
}
