type Value = string | number | undefined;

/** Whether all words of the search stand somewhere in this text, as {@link textOf} makes it. */
export function matches(search: string, text: string): boolean {
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

const texts = new WeakMap<object, WeakMap<object, string>>();

/** By what a row is found; made once for each row, for it is asked with every letter that is typed. */
export function textOf<R>(row: R, columns: { value: (row: R) => Value }[]): string {
  const made = () => columns.map((c) => String(c.value(row) ?? '')).join('\n').toLowerCase();
  if (typeof row !== 'object') {
    return made(); // a name alone, say, to which nothing can be tied
  }
  const known = texts.get(columns) ?? new WeakMap<object, string>();
  texts.set(columns, known);
  let text = known.get(row as object);
  if (text === undefined) {
    text = made();
    known.set(row as object, text);
  }
  return text;
}

/** Compares as text what is compared as a person would: numbers in it are as long as the longest. */
function key(value: Value): string | number | undefined {
  return typeof value === 'string' ? (value === '' ? undefined : value.toLowerCase().replace(/\d+/g, (n) => n.padStart(12, '0'))) : value;
}

function compareKeys(a: string | number | undefined, b: string | number | undefined, way: 1 | -1 = 1): number {
  if (a === undefined) return b === undefined ? 0 : 1;
  if (b === undefined) return -1;
  return way * compareThere(a, b);
}

function compareThere(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [String(a), String(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** `web-2` before `web-10`; numbers by size; what is missing last. */
export function compare(a: Value, b: Value): number {
  return compareKeys(key(a), key(b));
}

/** Rows by a value of theirs, what is missing last both ways; each value is looked at once, for there may be ten thousand. */
export function sorted<R>(rows: R[], value: (row: R) => Value, descending: boolean): R[] {
  const way = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, by: key(value(row)) }))
    .sort((a, b) => compareKeys(a.by, b.by, way))
    .map(({ row }) => row);
}

/** What the server says in the form of a sentence: it writes like the middle of one. A name, as of a field, stays as it is. */
export function sentence(text: string): string {
  const whole = /[.!?]$/.test(text) || text === '' ? text : `${text}.`;
  return /^[a-z]+[ ']/.test(whole) ? whole.charAt(0).toUpperCase() + whole.slice(1) : whole;
}
