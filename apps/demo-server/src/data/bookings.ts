import type { Query } from "./query.ts";

/** What a trip is made of. */
export type BookingKind = "flight" | "hotel" | "car";

/** The bookings that `book_trip` makes. Every verb may be repeated. */
export interface Bookings {
  add(booking: { readonly reference: string; readonly runId: string; readonly kind: BookingKind }): Promise<void>;
  cancel(reference: string): Promise<void>;
}

export const BOOKINGS_TABLE = `
  CREATE TABLE IF NOT EXISTS demo_bookings (
    reference text PRIMARY KEY, run_id text NOT NULL, kind text NOT NULL, cancelled integer NOT NULL DEFAULT 0
  )`;

export function bookings(query: Query): Bookings {
  return {
    async add({ reference, runId, kind }) {
      await query(
        "INSERT INTO demo_bookings (reference, run_id, kind) VALUES ($1, $2, $3) ON CONFLICT (reference) DO NOTHING",
        [reference, runId, kind],
      );
    },
    async cancel(reference) {
      await query("UPDATE demo_bookings SET cancelled = 1 WHERE reference = $1", [reference]);
    },
  };
}
