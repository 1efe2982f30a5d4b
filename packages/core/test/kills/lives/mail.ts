import { createForge, type Forge } from "@forge-jobs/core";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** An engine that sends mail. */
export function mailer(place: Place): Forge {
  const mail = { transport: place.smtp ?? "", from: "Shop <orders@shop.example>" };
  return createForge({ store: storeAt(place), jobs: [], mail, logger: silent });
}

/** From the dispatch of a mail until its job has ended. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const forge = mailer(place);
  await forge.start();
  await beginWhenCalm();
  note(place, await forge.mail({ to: "ada@example.com", subject: "Your order", body: "Thank you." }));
  await settled(place, 1);
  await forge.stop();
}
