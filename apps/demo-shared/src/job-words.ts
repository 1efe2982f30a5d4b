import type { ConnectionStatus, JobStatus } from "@forge-jobs/client";
import type { IconName } from "./icons.ts";

/** Which of the page's few colours something has. */
export type Tone = "quiet" | "accent" | "good" | "warn" | "bad";

/** How a status is shown on every page: always with its word and its icon, never by colour alone. */
export interface Look {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

/** The look of each status of a job. */
export const STATUS_LOOKS: Readonly<Record<JobStatus, Look>> = {
  pending: { word: "Waiting", icon: "waiting", tone: "quiet" },
  claimed: { word: "Starting", icon: "starting", tone: "accent" },
  running: { word: "Running", icon: "running", tone: "accent" },
  retry: { word: "Trying again", icon: "again", tone: "warn" },
  cancel_requested: { word: "Cancelling", icon: "stopping", tone: "warn" },
  completed: { word: "Done", icon: "done", tone: "good" },
  failed: { word: "Failed", icon: "failed", tone: "bad" },
  dead_letter: { word: "Given up", icon: "given-up", tone: "bad" },
  cancelled: { word: "Cancelled", icon: "cancelled", tone: "quiet" },
  not_found: { word: "Not found", icon: "unknown", tone: "quiet" },
};

/** The look of a connection; `closed` needs none, since a settled job cannot change. */
export const CONNECTION_LOOKS: Readonly<Record<Exclude<ConnectionStatus, "closed">, Look>> = {
  connecting: { word: "Connecting", icon: "connecting", tone: "quiet" },
  live: { word: "Live", icon: "live", tone: "good" },
  stale: { word: "The database does not answer; this is the last known state", icon: "stale", tone: "warn" },
  polling: { word: "Live with a delay", icon: "polling", tone: "quiet" },
  offline: { word: "The server cannot be reached; trying again", icon: "offline", tone: "warn" },
};
