import { ForgeError, type Forge } from "@forge-jobs/core";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { DemoData } from "../data/demo-data.ts";
import { LINK_CLICKED } from "../workflows/account-verification.ts";
import { isTokenOf } from "../workflows/token.ts";
import { answerPage } from "./answer-page.ts";

interface LinkParams {
  runId: string;
  token: string;
}

/** How long a click waits to tell what came of it. */
const OUTCOME_WITHIN_MS = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * `GET /verify/:runId/:token`: the link in the mail. Signals the run, and answers a page that says what came of it.
 *
 * It asks for no cookie, since mails are also read in other browsers. It does not answer HEAD, by which scanners of mails look
 * at links.
 */
export async function verifyLinkRoute(
  app: FastifyInstance,
  { forge, data }: { forge: Forge; data: DemoData },
): Promise<void> {
  app.get<{ Params: LinkParams }>("/verify/:runId/:token", { exposeHeadRoute: false }, async (request, reply) => {
    const { runId, token } = request.params;
    const hash = UUID.test(runId) ? await data.accounts.tokenHash(runId) : null;
    if (hash === null || !isTokenOf(token, hash)) {
      return page(reply, 404, "This link does not work", "It has expired, or a part of it is missing.");
    }
    try {
      // Two clicks are one signal.
      await forge.workflows.signal(runId, LINK_CLICKED, { clicked: true }, { signalId: LINK_CLICKED });
    } catch (error) {
      if (!(error instanceof ForgeError && error.code === "CONFLICT")) throw error;
      // The run has ended; how, is said below.
    }
    const run = await forge.workflows.wait(runId, { signal: AbortSignal.timeout(OUTCOME_WITHIN_MS) }).catch(() => null);
    if (run === null) {
      return page(
        reply,
        202,
        "Thank you",
        "Your click has been noted. The page that you came from shows what comes next.",
      );
    }
    const { email, verified } = (run.output ?? {}) as { email?: string; verified?: boolean };
    return verified === true
      ? page(reply, 200, "Thank you", `${email} is confirmed. You can close this page.`)
      : page(reply, 410, "Too late", "This verification has ended without a confirmation. Please start another.");
  });
}

function page(reply: FastifyReply, status: number, title: string, sentence: string): FastifyReply {
  return reply
    .code(status)
    .type("text/html; charset=utf-8")
    .header("cache-control", "no-store")
    .header("referrer-policy", "no-referrer")
    .send(answerPage(title, sentence));
}
