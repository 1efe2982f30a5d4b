import { family, PARTS } from "./children.ts";
import { type Place, settled } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** From when a process begins to work that finds a parent whose worker has died, until that has ended. */
export async function live(place: Place, { begin }: Countdown): Promise<void> {
  const { forge } = family(place);
  await forge.start();
  begin();
  await settled(place, 1 + PARTS.length);
}
