const LONGEST_GUESSED = 40;

/** The name that was probably meant: at most a third of its letters typed otherwise, whatever their case; null if none is close. */
export function closest(name: string, known: readonly string[]): string | null {
  if (name.length > LONGEST_GUESSED) return null;
  const guesses = known
    .map((one) => ({ one, distance: edits(name.toLowerCase(), one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.max(1, Math.floor(one.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return guesses[0]?.one ?? null;
}

/** How many letters have to be put in, taken out or changed to get from one text to the other. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n);
  for (const [i, letter] of from.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of to.split("").entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
