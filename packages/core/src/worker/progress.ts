import { LIMITS } from "@forge-jobs/protocol";
import type { RunUpdate } from "../store.ts";
import { clipText } from "../values.ts";

/** What a call of `ctx.progress` says, made safe to store. Throws for what is no number, and for a message that is no text. */
export function progressSaid(
  percent: number | null,
  message: string | undefined,
): Pick<RunUpdate, "progress"> & Partial<Pick<RunUpdate, "message">> {
  if (percent !== null && !Number.isFinite(percent)) {
    throw new TypeError("percent is neither a finite number nor null");
  }
  return {
    progress: percent === null ? null : Math.min(Math.max(percent, 0), 100),
    ...(message !== undefined && { message: clipText(message, LIMITS.messageBytes) }),
  };
}
