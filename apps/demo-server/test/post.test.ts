import nodemailer from "nodemailer";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { mailbox } from "../src/mail/mailbox.ts";
import { startMailServer } from "../src/mail/mail-server.ts";
import { openPost } from "../src/mail/post.ts";

const RUN = "0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6d";
const letter = { runId: RUN, messageId: "one", to: "ada@example.com", subject: "Grüße an Łukasz", text: "Hello" };

test("a mail comes through as it was written, once however often it is sent, and is there after a restart", async () => {
  await using folder = await tempDir("forge-post-");
  const link = `http://localhost:3000/verify/${RUN}/${"x".repeat(200)}`;
  const post = await openPost(folder.path);
  for (let time = 0; time < 2; time++) await post.send({ ...letter, text: `Zoë, 请点击\n\n${link}` });
  await post.send({ ...letter, messageId: "two" });
  await post.close();

  const mails = await mailbox(folder.path).mailsOf(RUN);
  expect(mails).toHaveLength(2);
  expect(mails).toContainEqual({
    id: expect.stringMatching(/^[0-9a-f]{64}$/),
    from: "Forge demo <demo@forge.example>",
    to: "ada@example.com",
    subject: letter.subject,
    text: `Zoë, 请点击\n\n${link}`,
  });
  expect(await mailbox(folder.path).mailsOf("0197a3c4-5e6f-7a8b-9c0d-1e2f3a4b5c6e")).toEqual([]);
});

test.for([
  ["of no run", {}, "Hello", 550],
  ["of a run that is a path", { "x-forge-run": "../../etc" }, "Hello", 550],
  ["that is too large", { "x-forge-run": RUN }, "x".repeat(100_000), 552],
] as const)("a mail %s is refused for good", async ([, headers, text, responseCode]) => {
  await using folder = await tempDir("forge-post-");
  const server = await startMailServer(mailbox(folder.path));
  const transport = nodemailer.createTransport({ host: "127.0.0.1", port: server.port });
  const sent = transport.sendMail({ from: "a@example.com", to: "b@example.com", subject: "x", text, headers });
  await expect(sent).rejects.toMatchObject({ responseCode });
  await server.close();
  expect(await mailbox(folder.path).mailsOf(RUN)).toEqual([]);
});
