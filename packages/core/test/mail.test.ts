import { defineJob, type Job, type MailMessage } from "@forge-jobs/core";
import { DatabaseSync } from "node:sqlite";
import { createTransport } from "nodemailer";
import { describe, expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { parseAddress } from "../src/mail/address.ts";
import { Mailer } from "../src/mail/mailer.ts";
import { startMailServer } from "./support/mail-server.ts";
import { gate, openWorld, type World } from "./support/world.ts";

const from = "Shop <orders@shop.example>";
const mail: MailMessage = { to: "ada@example.com", subject: "Your order", body: "Thank you." };

/** The job once its status is this one. */
async function jobIn(world: World, id: string, status: Job["status"]): Promise<Job> {
  return until(async () => ((await world.forge.jobs.get(id))?.status === status ? world.forge.jobs.get(id) : null), {
    what: `the job to be ${status}`,
  });
}

describe("forge.mail", () => {
  test("a mail goes out as a job, under a Message-ID that all its runs share", async () => {
    await using server = await startMailServer();
    await using world = await openWorld({ jobs: [], mail: { transport: server.url, from } });
    const id = await world.forge.mail({ ...mail, to: ["ada@example.com", "Grace <grace@example.com>"] });
    const job = await world.forge.jobs.wait(id);
    const messageId = `<${id}@shop.example>`;
    expect(job).toMatchObject({
      type: "send_mail",
      status: "completed",
      output: { messageId, accepted: ["ada@example.com", "grace@example.com"], rejected: [] },
    });
    const [sent] = server.mails;
    expect(sent).toMatchObject({ from: "orders@shop.example", to: ["ada@example.com", "grace@example.com"] });
    expect(Object.fromEntries(sent!.headers)).toMatchObject({
      from: "Shop <orders@shop.example>",
      to: "ada@example.com, Grace <grace@example.com>",
      subject: "Your order",
      "message-id": messageId,
      "content-type": "text/plain; charset=utf-8",
    });
    expect(sent!.body).toBe("Thank you.\r\n");
  });

  test("a body may be HTML, and a message may name its sender", async () => {
    await using server = await startMailServer();
    await using world = await openWorld({ jobs: [], mail: { transport: { host: "127.0.0.1", port: server.port } } });
    await world.forge.jobs.wait(
      await world.forge.mail({ ...mail, from: "me@example.com", body: "<p>Thanks</p>", html: true }),
    );
    expect(server.mails[0]!.from).toBe("me@example.com");
    expect(server.mails[0]!.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(server.mails[0]!.body).toBe("<p>Thanks</p>\r\n");
  });

  test("a template is rendered when it is sent, with the data as JSON brings it back", async () => {
    await using server = await startMailServer();
    const seen: unknown[] = [];
    const transport = createTransport({ host: "127.0.0.1", port: server.port });
    const render = (template: string, data: unknown): { body: string; html: boolean } => {
      seen.push(template, data);
      return { body: `<b>${(data as { name: string }).name}</b>`, html: true };
    };
    await using world = await openWorld({ jobs: [], mail: { transport, from, render } });
    const data = { name: "Ada", at: new Date(0) };
    await world.forge.jobs.wait(await world.forge.mail({ to: mail.to, subject: "Hi", template: "welcome", data }));
    expect(seen).toEqual(["welcome", { name: "Ada", at: "1970-01-01T00:00:00.000Z" }]);
    expect(server.mails[0]!.body).toBe("<b>Ada</b>\r\n");
  });

  test("a render function that answers no body fails the run, which is retried", async () => {
    await using server = await startMailServer();
    await using world = await openWorld({
      jobs: [],
      mail: { transport: server.url, from, render: () => "text" as unknown as { body: string } },
    });
    const id = await world.forge.mail({ to: mail.to, subject: "Hi", template: "welcome" });
    expect((await jobIn(world, id, "retry")).error).toContain("mail.render must answer { body, html? }");
    expect(server.mails).toEqual([]);
  });

  test("in a transaction a mail is sent exactly if that commits", async () => {
    await using server = await startMailServer();
    await using world = await openWorld({ jobs: [], mail: { transport: server.url, from } });
    const handle = new DatabaseSync(world.file);
    for (const end of ["ROLLBACK", "COMMIT"]) {
      handle.exec("BEGIN IMMEDIATE");
      const id = world.forge.mail({ ...mail, subject: end }, { tx: handle });
      await id;
      handle.exec(end);
      if (end === "COMMIT") await world.forge.jobs.wait(await id);
    }
    handle.close();
    expect(server.mails.map(({ headers }) => headers.get("subject"))).toEqual(["COMMIT"]);
  });
});

const refused: readonly (readonly [why: string, message: unknown, path: string])[] = [
  ["no object", "hello", ""],
  ["no recipient", { subject: "s", body: "b" }, "to"],
  ["an empty list", { ...mail, to: [] }, "to"],
  ["too long a list", { ...mail, to: Array.from({ length: 101 }, () => "a@b.c") }, "to"],
  ["a bad address in a list", { ...mail, to: ["ada@example.com", "grace"] }, "to.1"],
  ["a list in one text", { ...mail, to: "ada@example.com, grace@example.com" }, "to"],
  ["a line break in a recipient", { ...mail, to: "ada@example.com\r\nBcc: eve@example.com" }, "to"],
  ["a line break in a name", { ...mail, to: "Ada\nBcc: eve@example.com <ada@example.com>" }, "to"],
  ["a line break in the sender", { ...mail, from: "a@b.c\nX: y" }, "from"],
  ["a line break in the subject", { ...mail, subject: "Hi\r\nBcc: eve@example.com" }, "subject"],
  ["no subject", { to: mail.to, body: "b" }, "subject"],
  ["an empty subject", { ...mail, subject: "" }, "subject"],
  ["neither body nor template", { to: mail.to, subject: "s" }, "body"],
  ["a body that is no text", { ...mail, body: 7 }, "body"],
  ["html that is no flag", { ...mail, html: "yes" }, "html"],
  ["both body and template", { ...mail, template: "t" }, "template"],
  ["html beside a template", { to: mail.to, subject: "s", template: "t", html: true }, "html"],
  ["data beside a body", { ...mail, data: {} }, "data"],
  ["a field that there is not", { ...mail, bcc: "eve@example.com" }, "bcc"],
];

describe("bad messages are refused before anything is stored", () => {
  test.for(refused)("%s", async ([, message, path]) => {
    const render = (): { body: string } => ({ body: "" });
    await using world = await openWorld({ jobs: [], mail: { transport: "smtp://127.0.0.1:1", from, render } });
    const refusal = world.forge.mail(message as MailMessage);
    await expect(refusal).rejects.toMatchObject({
      code: "INVALID_ARGS",
      details: { issues: expect.arrayContaining([expect.objectContaining({ path })]) as unknown[] },
    });
    const byName = world.forge.dispatchNamed("send_mail", message, { owner: null });
    await expect(byName).rejects.toMatchObject({ code: "INVALID_ARGS" });
    expect((await world.forge.jobs.list()).jobs).toEqual([]);
  });

  test("a message without a sender, and one that only a render function could make", async () => {
    await using world = await openWorld({ jobs: [], mail: { transport: "smtp://127.0.0.1:1" } });
    await expect(world.forge.mail(mail)).rejects.toMatchObject({
      code: "INVALID_ARGS",
      message: expect.stringMatching(/from/) as string,
    });
    const template = { to: mail.to, from, subject: "s", template: "t" };
    await expect(world.forge.mail(template)).rejects.toMatchObject({
      code: "INVALID_ARGS",
      message: expect.stringMatching(/render/) as string,
    });
    expect((await world.forge.jobs.list()).jobs).toEqual([]);
  });

  test("an address is one plain mailbox, with a name or without", () => {
    const good = [
      "a@b",
      "ada.lovelace+x@mail.example.com",
      "Ada <a@b.c>",
      '"Lovelace, Ada" <a@b.c>',
      "Ада <ада@почта.рф>",
    ];
    const bad = [
      "",
      "a",
      "a@",
      "@b",
      "a@b@c",
      "a b@c",
      "a@b c",
      "<a@b",
      "a@b>",
      ".a@b",
      "a..b@c",
      "a@b..c",
      "-f@b",
      "a@-b",
    ];
    for (const text of good) expect(parseAddress(text), text).not.toBeNull();
    for (const text of bad) expect(parseAddress(text), text).toBeNull();
    expect(parseAddress('"Lovelace, Ada" <a@b.c>')).toEqual({ name: "Lovelace, Ada", address: "a@b.c" });
  });
});

describe("what the server says", () => {
  test("a refusal for good ends the job as dead_letter at once", async () => {
    await using server = await startMailServer({ refuse: () => 550 });
    await using world = await openWorld({ jobs: [], mail: { transport: server.url, from } });
    const job = await world.forge.jobs.wait(await world.forge.mail(mail));
    expect(job).toMatchObject({ status: "dead_letter", attempts: 1 });
    expect(job.error).toContain("550 Not for ada@example.com");
  });

  test("a refusal for now is tried again, and the mail goes out later", async () => {
    let refusals = 0;
    await using server = await startMailServer({ refuse: () => (refusals++ < 2 ? 451 : undefined) });
    await using world = await openWorld({ jobs: [], mail: { transport: server.url, from } });
    const id = await world.forge.mail(mail);
    for (const attempt of [1, 2]) {
      await until(async () => (await world.forge.jobs.get(id))?.attempts === attempt, { what: `run ${attempt}` });
      await jobIn(world, id, "retry");
      world.clock.offsetMs += 120_000;
    }
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 3 });
    expect(server.mails).toHaveLength(1);
  });

  test("a login that fails and a server that is away are tried again: both are an operator's to mend", async () => {
    await using server = await startMailServer({ closed: true });
    const auth = { user: "shop", pass: "s3cret-w0rd" };
    for (const port of [server.port, 1]) {
      await using world = await openWorld({ jobs: [], mail: { transport: { host: "127.0.0.1", port, auth }, from } });
      const job = await jobIn(world, await world.forge.mail(mail), "retry");
      expect(job.attempts).toBe(1);
      expect(job.error).not.toContain(auth.pass);
    }
  });

  test("of several recipients those refused for good are told, and those refused for now get a mail of their own", async () => {
    let refusals = 0;
    const refuse = (address: string): number | undefined =>
      address.startsWith("gone") ? 550 : address.startsWith("busy") && refusals++ === 0 ? 451 : undefined;
    await using server = await startMailServer({ refuse });
    await using world = await openWorld({ jobs: [], mail: { transport: server.url, from } });
    const to = ["ada@example.com", "gone@example.com", "Busy <busy@example.com>"];
    const job = await world.forge.jobs.wait(await world.forge.mail({ ...mail, to }));
    expect(job).toMatchObject({
      status: "completed",
      output: { accepted: ["ada@example.com"], rejected: ["gone@example.com", "busy@example.com"] },
    });
    const { jobs } = await world.forge.jobs.list({ status: "pending" });
    expect(jobs).toMatchObject([{ type: "send_mail", input: { ...mail, to: ["Busy <busy@example.com>"] } }]);
    world.clock.offsetMs += 300_000;
    await world.forge.jobs.wait(jobs[0]!.id);
    expect(server.mails.map((one) => one.to)).toEqual([["ada@example.com"], ["busy@example.com"]]);
  });
});

describe("ctx.mail.send", () => {
  test("a handler sends at once, and goes on with what became of it", async () => {
    await using server = await startMailServer();
    const greet = defineJob("greet", {
      run: async (ctx) => {
        await expect(ctx.mail.send({ ...mail, to: "nobody" })).rejects.toMatchObject({ code: "INVALID_ARGS" });
        return ctx.mail.send(mail);
      },
    });
    await using world = await openWorld({ jobs: [greet], mail: { transport: server.url, from } });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(greet, {}));
    expect(job.output).toMatchObject({ accepted: ["ada@example.com"], rejected: [] });
    expect(server.mails).toHaveLength(1);
  });

  test("a mail that is under way is aborted with the run's signal", async () => {
    const arrived = gate();
    const release = gate();
    await using server = await startMailServer({
      hold: () => {
        arrived.open();
        return release.opened;
      },
    });
    let caught: unknown;
    const greet = defineJob("greet", {
      run: async (ctx) => {
        await ctx.mail.send(mail).catch((error: unknown) => {
          caught = error;
          throw error;
        });
      },
    });
    await using world = await openWorld({ jobs: [greet], mail: { transport: server.url, from } });
    const id = await world.forge.dispatch(greet, {});
    await arrived.opened;
    await world.forge.jobs.cancel(id);
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
    expect(caught).toMatchObject({ name: "JobAborted", code: "CANCELLED" });
    release.open();
  });
});

describe("without it", () => {
  test("an engine without mail says what it needs, and has no job of that name", async () => {
    const caught: unknown[] = [];
    const greet = defineJob("greet", {
      run: (ctx) => ctx.mail.send(mail).catch((error: unknown) => void caught.push(error)),
    });
    await using world = await openWorld({ jobs: [greet] });
    await expect(world.forge.mail(mail)).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/createForge\(\{ mail/) as string,
    });
    await world.forge.jobs.wait(await world.forge.dispatch(greet, {}));
    expect(caught).toMatchObject([
      { code: "BAD_REQUEST", message: expect.stringMatching(/ctx\.mail needs createForge\(\{ mail/) as string },
    ]);
    expect(world.forge.definition("send_mail")).toBeUndefined();
  });

  test("where nodemailer is not installed the engine says so instead of starting", async () => {
    const missing = Object.assign(new Error("Cannot find package 'nodemailer'"), { code: "ERR_MODULE_NOT_FOUND" });
    const mailer = new Mailer({ transport: "smtp://localhost", from }, () => Promise.reject(missing));
    await expect(mailer.open()).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/nodemailer/) as string,
      cause: missing,
    });
    const own = new Mailer({ transport: { sendMail: () => Promise.resolve({}) }, from }, () => Promise.reject(missing));
    await own.open();
  });

  test.for([
    [{ transport: "http://user:s3cret@host" }, /smtp:\/\//],
    [{ transport: 7 }, /transport/],
    [{}, /transport/],
    [{ transport: "smtp://localhost", from: "nobody" }, /mail\.from/],
    [{ transport: "smtp://localhost", render: "pug" }, /mail\.render/],
    [{ transport: "smtp://localhost", sender: "a@b" }, /sender/],
  ] as const)("createForge refuses %o", async ([options, message]) => {
    const opened = openWorld({ jobs: [], mail: options as unknown as { transport: string } });
    const error = (await opened.catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "BAD_REQUEST", message: expect.stringMatching(message) as string });
    expect(error.message).not.toContain("s3cret");
  });

  test("a job of the application's may not be named as the one that sends mail", async () => {
    const taken = defineJob("send_mail", { run: () => {} });
    await expect(openWorld({ jobs: [taken], mail: { transport: "smtp://localhost" } })).rejects.toThrow(/send_mail/);
  });
});
