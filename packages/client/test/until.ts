/** Resolves when a condition holds that gives no signal; fails after five seconds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let left = 1_000; !holds(); left--) {
    if (left === 0) throw new Error(`Not within five seconds: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
