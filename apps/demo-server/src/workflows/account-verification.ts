import { defineWorkflow, type WorkflowDefinition } from "@forge-jobs/core";
import { z } from "zod";
import { pause } from "./pause.ts";
import { hashOf, newToken } from "./token.ts";

const input = z.object({ email: z.email().max(200) });
const output = z.object({ email: z.string(), verified: z.boolean() });

/** The event that the link in the mail brings to the run. */
export const LINK_CLICKED = "link_clicked";

/**
 * Asks the owner of an address to confirm it: sends a mail with a link, waits up to a day for a click on it, and confirms the
 * account or removes it.
 *
 * The run holds no slot while it waits, and goes on in whatever process there is when the click comes or the day is over.
 */
export const accountVerification: WorkflowDefinition<z.input<typeof input>, z.output<typeof output>> = defineWorkflow(
  "account_verification",
  {
    version: 1,
    input,
    output,
    timeout: "72h",
    public: true,
    steps: ["generate_token", "store_token", "send_email", LINK_CLICKED, "confirm_account"],
    async run(ctx, { email }) {
      const { runId, demo } = ctx;
      const { accounts } = await demo.data;
      const token = await ctx.step("generate_token", async ({ signal }) => {
        await pause(demo.paceMs, signal);
        return newToken();
      });
      await ctx.step(
        "store_token",
        async ({ signal }) => {
          await pause(demo.paceMs, signal);
          await accounts.add({ runId, email, tokenHash: hashOf(token) });
        },
        { compensate: () => accounts.remove(runId) },
      );
      await ctx.step("send_email", async ({ signal, idempotencyKey }) => {
        await pause(demo.paceMs, signal);
        const link = `${await demo.origin}/verify/${runId}/${token}`;
        await demo.post.send({
          runId,
          messageId: idempotencyKey.replaceAll("/", "."),
          to: email,
          subject: "Please confirm your address",
          text: `Hello,\n\nplease confirm that ${email} is yours:\n\n${link}\n\nThe link works for 24 hours.\n`,
        });
      });

      const click = await ctx.waitForEvent(LINK_CLICKED, { timeout: "24h" });
      if (click === null) {
        await ctx.step("remove_account", () => accounts.remove(runId));
        return { email, verified: false };
      }
      await ctx.step("confirm_account", async ({ signal }) => {
        await pause(demo.paceMs, signal);
        await accounts.confirm(runId);
      });
      return { email, verified: true };
    },
  },
);
