import type { JobView } from "@forge-jobs/client";
import { expect, test } from "vitest";
import { followJob } from "../src/follow-job.ts";
import { SAMPLES } from "../src/samples.ts";

const blank = {
  jobId: "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d",
  message: null,
  output: null,
  error: null,
  loading: false,
  connection: "live",
} as const;
const running = (progress: number | null): JobView => ({ ...blank, status: "running", progress });
const view = (status: Exclude<JobView["status"], "completed">, progress: number | null = null): JobView => ({
  ...blank,
  status,
  progress,
});

test("the same view gives the same face, however often it is asked for", () => {
  const follow = followJob("Export");
  const now = running(40);
  expect(follow(now)).toBe(follow(now));
});

test("a bar that falls back says that the job started over, until someone retries it", () => {
  const follow = followJob("Export");
  expect(follow(running(60)).message).toBeNull();
  expect(follow(view("retry", 60)).percent).toBe(60);
  expect(follow(running(null))).toMatchObject({ percent: null, message: "Started over." });
  expect(follow({ ...running(5), message: "Wrote 5" })).toMatchObject({ percent: 5, message: "Started over. Wrote 5" });
  follow(view("failed", 5));
  follow(view("pending", 5));
  expect(follow(running(0)).message).toBeNull();
});

test("a restart that was not watched is noticed by the progress alone", () => {
  const follow = followJob("Export");
  follow(running(60));
  expect(follow(running(10)).message).toBe("Started over.");
});

test("another job begins without a past", () => {
  const follow = followJob("Export");
  follow(running(60));
  expect(follow({ ...running(1), jobId: "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6e" }).message).toBeNull();
});

test("screen readers hear each status and each quarter once", () => {
  const follow = followJob("Export");
  const heard = new Set<string>();
  for (const status of ["pending", "claimed"] as const) heard.add(follow(view(status)).announcement);
  for (let progress = 0; progress <= 99.5; progress += 0.5) heard.add(follow(running(progress)).announcement);
  heard.add(follow({ ...blank, status: "completed", progress: 97, output: {} }).announcement);
  expect([...heard]).toEqual([
    "Export: Waiting",
    "Export: Starting",
    "Export: Running, 0 %",
    "Export: Running, 25 %",
    "Export: Running, 50 %",
    "Export: Running, 75 %",
    "Export: Done",
  ]);
});

test("a completed job is at 100 %, whatever its handler said last", () => {
  expect(followJob("Export")({ ...blank, status: "completed", progress: 97, output: {} }).percent).toBe(100);
});

test("what can be done with a job follows from its status", () => {
  const verbs = (now: JobView) => {
    const { canCancel, canRetry } = followJob("Export")(now);
    return [canCancel && "cancel", canRetry && "retry"].filter(Boolean).join();
  };
  const allowed = Object.fromEntries(SAMPLES.map((sample) => [sample.title, verbs(sample.view)]));
  expect(allowed).toMatchObject({
    pending: "cancel",
    claimed: "cancel",
    running: "cancel",
    retry: "cancel",
    cancel_requested: "",
    completed: "",
    failed: "retry",
    dead_letter: "retry",
    cancelled: "retry",
    not_found: "",
    refused: "",
    sending: "cancel",
  });
});
