import { family } from "./children.ts";
import type { Place } from "../place.ts";

/** Ends its process when the second child runs, while the parent waits. */
export async function live(place: Place): Promise<void> {
  let parts = 0;
  const { forge, parent } = family(place, () => {
    if (++parts === 2) process.kill(process.pid, "SIGKILL");
  });
  await forge.start();
  await forge.dispatch(parent, {});
  await new Promise(() => {});
}
