/** Whether all words of the search stand somewhere in these texts. */
export function matches(search: string, texts: (string | undefined)[]): boolean {
  const all = texts.join('\n').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

const natural = new Intl.Collator('en', { numeric: true });

/** `web-2` before `web-10`; numbers by size; what is missing last. */
export function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (a === undefined || a === '') return b === undefined || b === '' ? 0 : 1;
  if (b === undefined || b === '') return -1;
  return typeof a === 'number' && typeof b === 'number' ? a - b : natural.compare(String(a), String(b));
}
