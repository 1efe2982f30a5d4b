import { type Arrays, binaryArrays } from "./arrays.ts";
import type { Session } from "./session.ts";

/** A channel, and what is told on it. */
export type Notification = readonly [channel: string, payload: string];

const NOTIFY = {
  text: "SELECT count(pg_notify(channel, payload)) FROM unnest($1::text[], $2::text[]) AS note (channel, payload)",
};

/** Sends notifications as one statement; inside a transaction they go out at its commit. */
export async function notify(
  session: Session,
  notifications: readonly Notification[],
  arrays: Arrays = binaryArrays,
): Promise<void> {
  const channels = notifications.map(([channel]) => channel);
  const payloads = notifications.map(([, payload]) => payload);
  await session.run(NOTIFY, [arrays.text(channels), arrays.text(payloads)]);
}
