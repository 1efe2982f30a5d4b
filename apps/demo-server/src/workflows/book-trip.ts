import { defineWorkflow, PublicError, type WorkflowContext, type WorkflowDefinition } from "@forge-jobs/core";
import { createHash } from "node:crypto";
import { z } from "zod";
import type { BookingKind } from "../data/bookings.ts";
import { pause } from "./pause.ts";

const input = z.object({ carsLeft: z.boolean().default(true) });
const output = z.object({ flight: z.string(), hotel: z.string(), car: z.string() });

/**
 * Books a flight, a hotel and a car, all or none: where one cannot be had, what is booked already is cancelled, the last
 * booking first.
 *
 * `carsLeft: false` lets the third booking fail, so that this can be watched.
 */
export const bookTrip: WorkflowDefinition<z.input<typeof input>, z.output<typeof output>> = defineWorkflow(
  "book_trip",
  {
    version: 1,
    input,
    output,
    timeout: "10m",
    public: true,
    steps: ["book_flight", "book_hotel", "book_car", "send_itinerary"],
    async run(ctx, { carsLeft }) {
      const flight = await book(ctx, "flight");
      const hotel = await book(ctx, "hotel");
      const car = await book(ctx, "car", carsLeft);
      await ctx.step("send_itinerary", ({ signal }) => pause(ctx.demo.paceMs, signal));
      return { flight, hotel, car };
    },
  },
);

/** Books as a step, and offers how to cancel that. */
function book(ctx: WorkflowContext, kind: BookingKind, isLeft = true): Promise<string> {
  const { runId, demo } = ctx;
  return ctx.step(
    `book_${kind}`,
    async ({ signal, idempotencyKey }) => {
      await pause(demo.paceMs, signal);
      if (!isLeft) throw new PublicError(`No ${kind} is left on that day.`);
      const reference = referenceOf(kind, idempotencyKey);
      const { bookings } = await demo.data;
      await bookings.add({ reference, runId, kind });
      return reference;
    },
    {
      // A second look at the same day finds no more.
      retry: { maxAttempts: 3, on: ["NetworkError"] },
      compensate: async (reference, { signal }) => {
        await pause(demo.paceMs, signal);
        const { bookings } = await demo.data;
        await bookings.cancel(reference);
      },
    },
  );
}

/** The same for the same step of the same run, so that a step which is repeated books nothing twice. */
function referenceOf(kind: BookingKind, idempotencyKey: string): string {
  const digits = createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 6);
  return `${kind}-${digits}`.toUpperCase();
}
