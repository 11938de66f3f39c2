/** `small 0.02` in each line, as prices by size. */
export function pricesOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .map((line) => {
        const [size, ...price] = line.split(/[\s=:]+/);
        return [size!, price.join(' ')];
      }),
  );
}

export function pricesText(sizes: Record<string, string>): string {
  return Object.entries(sizes)
    .map(([size, price]) => `${size} ${price}`)
    .join('\n');
}

/** The present month and those before, in UTC, as the server counts them. */
export function lastMonths(now: Date, count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - i, 1)).toISOString().slice(0, 7),
  );
}

/** As money is read: cents, or of less than one as much as says something. */
export function money(amount: string): string {
  const value = Number(amount);
  if (!Number.isFinite(value) || value === 0) {
    return value === 0 ? '0.00' : amount;
  }
  return Math.abs(value) >= 0.01 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}
