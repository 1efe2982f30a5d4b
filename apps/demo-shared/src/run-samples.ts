import type { StepStatus, WorkflowStepState, WorkflowView } from "@forge-jobs/client";
import type { TripResult, VerificationResult } from "./results.ts";
import { type RunWords, TRIP_WORDS, VERIFICATION_WORDS } from "./run-words.ts";

/** A fixed state of a run to look at. */
export interface RunSample {
  readonly id: string;
  /** The status as the wire spells it, or what else the sample is about. */
  readonly title: string;
  readonly note: string;
  readonly words: RunWords;
  readonly view: WorkflowView;
  readonly verification?: VerificationResult;
  readonly trip?: TripResult;
}

const RUN_ID = "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d";
const NO_CAR = "No car is left on that day.";

const verifying = ["generate_token", "store_token", "send_email", "link_clicked", "confirm_account"];
const booking = ["book_flight", "book_hotel", "book_car", "send_itinerary"];
const LETTERS: Readonly<Record<string, StepStatus>> = {
  "-": "pending",
  r: "running",
  c: "completed",
  f: "failed",
  u: "compensated",
  s: "skipped",
};
const PENDING = "-";

/** Steps by one letter each; `error` is that of the step that failed. */
function steps(names: readonly string[], letters: string, error: string | null = null): WorkflowStepState[] {
  return names.map((name, index) => {
    const status = LETTERS[letters[index] ?? PENDING]!;
    return { name, status, error: status === "failed" ? error : null };
  });
}

const blank = {
  workflowId: RUN_ID,
  step: null,
  waitingFor: null,
  steps: [] as WorkflowStepState[],
  output: null,
  error: null,
  loading: false,
} as const;
const live = { ...blank, connection: "live" } as const;
const closed = { ...blank, connection: "closed" } as const;
const waiting = {
  ...live,
  status: "waiting",
  step: "link_clicked",
  waitingFor: "link_clicked",
  steps: steps(verifying, "cccr-"),
} as const;

const verified: VerificationResult = { email: "ada@example.com", verified: true };
const expired: VerificationResult = { email: "ada@example.com", verified: false };
const booked: TripResult = { flight: "FLIGHT-3F09A1", hotel: "HOTEL-7C41E8", car: "CAR-D20B56" };

const sample = (
  title: string,
  note: string,
  words: RunWords,
  view: WorkflowView,
  more: Partial<RunSample> = {},
): RunSample => ({ id: `run-${title.replaceAll(/[^a-z]+/gi, "-").toLowerCase()}`, title, note, words, view, ...more });

/** Every state that a run can show, with every state of a step, and texts that strain the page. */
export const RUN_SAMPLES: readonly RunSample[] = [
  sample("created", "stored, not taken yet", TRIP_WORDS, { ...live, status: "created", steps: steps(booking, "") }),
  sample("running", "under way", TRIP_WORDS, {
    ...live,
    status: "running",
    step: "book_hotel",
    steps: steps(booking, "cr"),
  }),
  sample("waiting", "it sleeps, and holds nothing meanwhile", VERIFICATION_WORDS, waiting),
  sample("waiting for what has no words", "named as the code names it", { ...VERIFICATION_WORDS, waits: {} }, waiting),
  sample(
    "completed",
    "all steps are done",
    TRIP_WORDS,
    { ...closed, status: "completed", steps: steps(booking, "cccc"), output: booked },
    { trip: booked },
  ),
  sample(
    "completed after a click",
    "the event came",
    VERIFICATION_WORDS,
    { ...closed, status: "completed", steps: steps(verifying, "ccccc"), output: verified },
    { verification: verified },
  ),
  sample(
    "completed after a time-out",
    "the event never came",
    VERIFICATION_WORDS,
    {
      ...closed,
      status: "completed",
      steps: [...steps(verifying, "ccccs"), ...steps(["remove_account"], "c")],
      output: expired,
    },
    { verification: expired },
  ),
  sample("compensating", "a step failed, those before it are being undone", TRIP_WORDS, {
    ...live,
    status: "compensating",
    steps: steps(booking, "cufs", NO_CAR),
    error: NO_CAR,
  }),
  sample("compensated", "nothing is left of it", TRIP_WORDS, {
    ...closed,
    status: "compensated",
    steps: steps(booking, "uufs", NO_CAR),
    error: NO_CAR,
  }),
  sample("failed", "a booking could not be undone", TRIP_WORDS, {
    ...closed,
    status: "failed",
    steps: steps(booking, "cufs", NO_CAR),
    error: NO_CAR,
  }),
  sample("cancelled", "someone stopped it", VERIFICATION_WORDS, {
    ...closed,
    status: "cancelled",
    steps: steps(verifying, "cccss"),
    error: "cancelled by user",
  }),
  sample("not_found", "unknown, or someone else's", TRIP_WORDS, { ...closed, status: "not_found" }),
  sample("refused", "never became a run", VERIFICATION_WORDS, {
    ...closed,
    workflowId: "",
    status: "failed",
    error: "The input is not what account_verification takes: email: invalid email address.",
  }),
  sample("sending", "asked for, not answered yet", TRIP_WORDS, {
    ...blank,
    workflowId: "",
    status: "created",
    loading: true,
    connection: "connecting",
  }),
  sample("loading", "attaching to a run of the address", TRIP_WORDS, {
    ...blank,
    status: "created",
    loading: true,
    connection: "connecting",
  }),
  sample("offline", "the server cannot be reached", VERIFICATION_WORDS, { ...waiting, connection: "offline" }),
  sample("very long text", "names and errors as long as they may be", TRIP_WORDS, {
    ...live,
    status: "compensating",
    steps: [
      ...steps(["charge_every_card_of_the_household_".repeat(5)], "c"),
      ...steps(["عنوان الخطوة · 予約を確認する · Zoë Ångström"], "u"),
      ...steps(
        ["x".repeat(190)],
        "f",
        `${"The certificate chain could not be verified. ".repeat(14)}${"y".repeat(160)}`,
      ),
    ],
    error: `${"The certificate chain could not be verified. ".repeat(14)}${"y".repeat(160)}`,
  }),
];
