import type { StepStatus, WorkflowStatus } from "@forge-jobs/client";
import type { Look } from "./job-words.ts";

/** The look of each status of a run. */
export const RUN_LOOKS: Readonly<Record<WorkflowStatus, Look>> = {
  created: { word: "Queued", icon: "waiting", tone: "quiet" },
  running: { word: "Running", icon: "running", tone: "accent" },
  waiting: { word: "Waiting", icon: "asleep", tone: "accent" },
  completed: { word: "Done", icon: "done", tone: "good" },
  compensating: { word: "Undoing", icon: "undoing", tone: "warn" },
  compensated: { word: "Undone", icon: "undone", tone: "warn" },
  failed: { word: "Failed", icon: "failed", tone: "bad" },
  cancelled: { word: "Cancelled", icon: "cancelled", tone: "quiet" },
  not_found: { word: "Not found", icon: "unknown", tone: "quiet" },
};

/** The look of each status of a step. `waiting` is a step under way that its run sleeps on. */
export const STEP_LOOKS: Readonly<Record<StepStatus | "waiting", Look>> = {
  pending: { word: "To come", icon: "to-come", tone: "quiet" },
  running: { word: "Running", icon: "running", tone: "accent" },
  waiting: { word: "Waiting", icon: "asleep", tone: "accent" },
  completed: { word: "Done", icon: "done", tone: "good" },
  failed: { word: "Failed", icon: "failed", tone: "bad" },
  compensated: { word: "Undone", icon: "undone", tone: "warn" },
  skipped: { word: "Skipped", icon: "skipped", tone: "quiet" },
};

/** What a workflow is called on the pages, and what its steps are. */
export interface RunWords {
  readonly label: string;
  /** By a step's name; others are shown by their name. */
  readonly steps: Readonly<Record<string, string>>;
  /** What a run waits for, by the name of the event, sleep or child; others are shown by their name. */
  readonly waits: Readonly<Record<string, string>>;
}

export const VERIFICATION_WORDS: RunWords = {
  label: "Verify an address",
  steps: {
    generate_token: "Make up a token",
    store_token: "Store the account",
    send_email: "Send the mail",
    link_clicked: "Wait for the click on the link",
    confirm_account: "Confirm the account",
    remove_account: "Remove the account",
  },
  waits: { link_clicked: "the click on the link in the mail, for 24 hours at most" },
};

export const TRIP_WORDS: RunWords = {
  label: "Book a trip",
  steps: {
    book_flight: "Book the flight",
    book_hotel: "Book the hotel",
    book_car: "Book the car",
    send_itinerary: "Send the itinerary",
  },
  waits: {},
};
