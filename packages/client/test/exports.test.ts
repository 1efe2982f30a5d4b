import { expect, test } from "vitest";
import * as client from "../src/index.ts";

test("the client offers these names", () => {
  expect(new Set(Object.keys(client))).toEqual(
    new Set([
      "configureForge",
      "createForgeClient",
      "createJobStore",
      "createWorkflowStore",
      "isSettledJobStatus",
      "isSettledWorkflowStatus",
      "JobFailed",
      "jobStore",
      "resetForge",
      "WorkflowFailed",
      "workflowStore",
    ]),
  );
});
