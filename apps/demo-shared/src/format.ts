const numbers = new Intl.NumberFormat("en");
const decimals = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Writes a count, such as 100,000. */
export function formatCount(count: number): string {
  return numbers.format(count);
}

/** Writes a size in the unit that a person would choose. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${numbers.format(bytes)} bytes`;
  return bytes < 1_000_000 ? `${decimals.format(bytes / 1_000)} kB` : `${decimals.format(bytes / 1_000_000)} MB`;
}
