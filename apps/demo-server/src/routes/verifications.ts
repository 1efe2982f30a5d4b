import type { Forge, WorkflowRun } from "@forge-jobs/core";
import type { WireResult } from "@forge-jobs/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { DemoClock } from "../demo-clock.ts";
import type { ReceivedMail } from "../mail/mailbox.ts";
import type { Post } from "../mail/post.ts";
import { refuse } from "./answers.ts";

/** What a page shows beside a run of `account_verification`. */
interface Verification {
  readonly mails: readonly ReceivedMail[];
  /** How far people have moved the demo's clock forward, in hours. */
  readonly clockAheadHours: number;
}

type RunRequest = FastifyRequest<{ Params: { runId: string } }>;

const HOUR_MS = 60 * 60_000;
const FORWARD_HOURS = 24;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UNKNOWN = "There is no such run for this browser.";

/**
 * For the owner of the run: `GET /verifications/:runId` answers its mails and the clock, `POST /verifications/:runId/forward`
 * moves the demo's clock forward by a day while the run waits.
 */
export async function verificationRoutes(
  app: FastifyInstance,
  { forge, post, clock }: { forge: Forge; post: Post; clock: DemoClock },
): Promise<void> {
  const ownRun = async ({ params, principalId }: RunRequest): Promise<WorkflowRun | null> => {
    const run = UUID.test(params.runId) ? await forge.workflows.get(params.runId) : null;
    // Someone else's run looks like none, so that nobody learns which ids exist.
    return run?.owner === principalId ? run : null;
  };
  const answer = async ({ id }: WorkflowRun): Promise<WireResult<Verification>> => ({
    success: true,
    data: { mails: await post.mailsOf(id), clockAheadHours: Math.round(clock.store.offsetMs / HOUR_MS) },
  });

  app.get("/verifications/:runId", async (request: RunRequest, reply) => {
    const run = await ownRun(request);
    return run === null ? refuse(reply, "NOT_FOUND", UNKNOWN) : answer(run);
  });

  app.post("/verifications/:runId/forward", async (request: RunRequest, reply) => {
    const run = await ownRun(request);
    if (run === null) return refuse(reply, "NOT_FOUND", UNKNOWN);
    if (run.status !== "waiting") return refuse(reply, "CONFLICT", "The run does not wait for anything any more.");
    await clock.forward(FORWARD_HOURS * HOUR_MS);
    return answer(run);
  });
}
