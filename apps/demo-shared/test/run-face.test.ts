import { expect, test } from "vitest";
import { runFace } from "../src/run-face.ts";
import { RUN_SAMPLES } from "../src/run-samples.ts";
import { RUN_LOOKS, STEP_LOOKS, VERIFICATION_WORDS } from "../src/run-words.ts";

const sampleOf = (title: string) => RUN_SAMPLES.find((sample) => sample.title === title)!;
const faceOf = (title: string) => {
  const { words, view } = sampleOf(title);
  return runFace(words, view);
};

test("every status of a run and every state of a step has a sample, and samples can be told apart", () => {
  expect(new Set(RUN_SAMPLES.map(({ view }) => view.status))).toEqual(new Set(Object.keys(RUN_LOOKS)));
  const shown = RUN_SAMPLES.flatMap(({ words, view }) => runFace(words, view).steps.map((step) => step.look.word));
  expect(new Set(shown)).toEqual(new Set(Object.values(STEP_LOOKS).map(({ word }) => word)));
  expect(new Set(RUN_SAMPLES.map(({ id }) => id)).size).toBe(RUN_SAMPLES.length);
});

test("a run that waits says for what, at its head and at the step", () => {
  const { look, message, steps } = faceOf("waiting");
  expect(look.word).toBe("Waiting");
  expect(message).toBe("Waiting for the click on the link in the mail, for 24 hours at most.");
  expect(steps.find((step) => step.isCurrent)).toMatchObject({ name: "link_clicked", look: { word: "Waiting" } });
});

test("what has no words of its own is called as in the code", () => {
  const { view } = sampleOf("waiting");
  const { message, steps } = runFace({ label: "Run", steps: {}, waits: {} }, view);
  expect(message).toBe("Waiting for link_clicked.");
  expect(steps.map((step) => step.label)).toEqual(view.steps.map((step) => step.name));
});

test("undoing cannot be cancelled, and neither can what has ended", () => {
  const canCancel = Object.fromEntries(RUN_SAMPLES.map(({ title }) => [title, faceOf(title).canCancel]));
  expect(canCancel).toMatchObject({
    created: true,
    running: true,
    waiting: true,
    completed: false,
    compensating: false,
    compensated: false,
    failed: false,
    cancelled: false,
    not_found: false,
    refused: false,
    sending: true,
  });
});

test("a start that was refused is no failure of a run", () => {
  expect(faceOf("refused")).toMatchObject({ look: { word: "Refused" }, connection: null, isSettled: true, steps: [] });
  expect(faceOf("failed").look.word).toBe("Failed");
});

test("screen readers hear the status, how far it is, and how it ended", () => {
  const heard = ["created", "running", "waiting", "compensating", "compensated", "completed"];
  expect(heard.map((title) => faceOf(title).announcement)).toEqual([
    "Book a trip: Queued",
    "Book a trip: Running, 1 of 4 steps done",
    `${VERIFICATION_WORDS.label}: Waiting, for the click on the link in the mail, for 24 hours at most`,
    "Book a trip: Undoing, 1 undone",
    "Book a trip: Undone, No car is left on that day.",
    "Book a trip: Done",
  ]);
});
