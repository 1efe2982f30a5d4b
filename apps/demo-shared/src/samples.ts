import type { JobView } from "@forge-jobs/client";
import type { ExportResult, ImportResult } from "./results.ts";

/** A fixed state to look at. */
export interface Sample {
  readonly id: string;
  /** The status as the wire spells it, or what else the sample is about. */
  readonly title: string;
  readonly note: string;
  readonly label: string;
  readonly view: JobView;
  readonly exported?: ExportResult;
  readonly imported?: ImportResult;
}

const JOB_ID = "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d";
const blank = { jobId: JOB_ID, progress: null, message: null, output: null, error: null, loading: false } as const;
const live = { ...blank, connection: "live" } as const;
const closed = { ...blank, connection: "closed" } as const;
const halfway = { ...live, status: "running", progress: 42.3, message: "Wrote 42,000 of 100,000 users" } as const;

const exported: ExportResult = { count: 100_000, downloadUrl: "/downloads/sample/users.csv", bytes: 11_248_731 };
const imported: ImportResult = {
  imported: 123_712,
  rejected: 1_288,
  rejectedRows: [
    { line: 98, reason: "The e-mail address is not valid", text: "Zoë Müller,zoe.mueller at example.com,Acme,Köln" },
    { line: 195, reason: "The e-mail address is missing", text: "渡辺 一郎,,東京電子,大阪" },
    {
      line: 292,
      reason: "The row has 5 columns instead of 4",
      text: "João Moraes,joao.moraes@example.net,Silva e Filhos,Recife,moved 2024",
    },
    {
      line: 389,
      reason: "An earlier row has the same e-mail address",
      text: '"Søren ""the elder"" Vogel",soeren@example.org,Acme,Berlin',
    },
    { line: 486, reason: "The name is missing", text: ",oleh.yurchuk@example.com,Łódź Textil,Львів" },
  ],
  rejectedUrl: "/downloads/sample/rejected.csv",
};
const longSentence =
  "The file store at eu-central-1.storage.example refused the connection after 3 attempts: " +
  "certificate chain could not be verified because an intermediate certificate has expired. ".repeat(9) +
  "x".repeat(160);

const label = "Export users";
const sample = (title: string, note: string, view: JobView, more: Partial<Sample> = {}): Sample => ({
  id: title.replaceAll(/[^a-z]+/gi, "-").toLowerCase(),
  title,
  note,
  label,
  view,
  ...more,
});

/** Every state that a job can show: each status, each way of being out of touch, and texts that strain the page. */
export const SAMPLES: readonly Sample[] = [
  sample("pending", "stored, not taken yet", { ...live, status: "pending" }),
  sample("claimed", "a worker has it", { ...live, status: "claimed" }),
  sample("running", "under way", halfway),
  sample("running, progress unknown", "the handler has said nothing yet", { ...live, status: "running" }),
  sample("retry", "a run broke off, the next one is due", {
    ...live,
    status: "retry",
    progress: 33,
    error: "The connection to the file store broke after 34,000 users.",
  }),
  sample("cancel_requested", "the handler has been asked to stop", { ...halfway, status: "cancel_requested" }),
  sample("completed", "an export", { ...closed, status: "completed", progress: 100, output: exported }, { exported }),
  sample(
    "completed, rows rejected",
    "an import",
    { ...closed, status: "completed", progress: 100, output: imported },
    { label: "Import contacts", imported },
  ),
  sample("failed", "all runs are spent", {
    ...closed,
    status: "failed",
    progress: 66,
    error: "The job failed (…3a4b5c6d)",
  }),
  sample("dead_letter", "no further run can help", {
    ...closed,
    status: "dead_letter",
    error:
      "The first line must name the columns name and email, separated by commas; it lacks email. It reads: Name;Mail",
  }),
  sample("cancelled", "someone stopped it", {
    ...closed,
    status: "cancelled",
    progress: 58,
    error: "cancelled by user",
  }),
  sample("not_found", "unknown, or someone else's", { ...closed, status: "not_found" }),
  sample("refused", "never became a job", {
    ...closed,
    jobId: "",
    status: "failed",
    error: "The input is not what export_users takes: format: expected one of csv, json.",
  }),
  sample("sending", "asked for, not answered yet", {
    ...blank,
    jobId: "",
    status: "pending",
    loading: true,
    connection: "connecting",
  }),
  sample("loading", "attaching to a job of the address", {
    ...blank,
    status: "pending",
    loading: true,
    connection: "connecting",
  }),
  sample("offline", "the server cannot be reached", { ...halfway, connection: "offline" }),
  sample("stale", "the server has lost its database", { ...halfway, connection: "stale" }),
  sample("polling", "a proxy holds streams back", { ...halfway, connection: "polling" }),
  sample("very long text", "as long as the wire allows", {
    ...halfway,
    status: "retry",
    message: null,
    error: longSentence,
  }),
  sample("any script", "right to left, wide and combined characters", {
    ...halfway,
    message: "Написано 42 000 · 已写入 42,000 行 · كُتب ٤٢٬٠٠٠ من ١٠٠٬٠٠٠ · 👩‍👩‍👧 Zoë Ångström · Đỗ Thị Ngọc",
  }),
];
