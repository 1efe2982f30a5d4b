import { defineJob, defineWorkflow } from "@forge-jobs/core";
import { z } from "zod";

export const sendMail = defineJob("send_account_mail", {
  input: z.object({ to: z.email(), token: z.string() }),
  retry: { maxAttempts: 5, baseDelay: "1m" },
  async run(_ctx, { to, token }) {
    await fetch("https://mail.example.com", { method: "POST", body: JSON.stringify({ to, token }) });
  },
});

export const verification = defineWorkflow("account_verification", {
  input: z.object({ email: z.email() }),
  timeout: "72h",
  async run(ctx, { email }) {
    const token = await ctx.step("generate_token", () => crypto.randomUUID());
    await ctx.dispatch(sendMail, { to: email, token });
    await ctx.sleep("wait_period", "24h");
    const click = await ctx.waitForEvent("clicked", { timeout: "1h" });
    await ctx.step("store_result", async ({ idempotencyKey }) => {
      await fetch("https://accounts.example.com", { method: "PUT", headers: { "idempotency-key": idempotencyKey } });
    });
    return { verified: click !== null };
  },
});
