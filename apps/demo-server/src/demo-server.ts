import { createForge, type Forge, type Logger } from "@forge-jobs/core";
import { forgeGateway } from "@forge-jobs/gateway";
import Fastify, { type FastifyInstance } from "fastify";
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { DEMO_USERS, type DemoData } from "./data/demo-data.ts";
import { openDemoClock } from "./demo-clock.ts";
import { demoFiles } from "./files/demo-files.ts";
import type { DemoContext } from "./jobs/demo-context.ts";
import { exportUsers } from "./jobs/export-users.ts";
import { importContacts } from "./jobs/import-contacts.ts";
import { removeLeftovers } from "./leftovers.ts";
import { openPost } from "./mail/post.ts";
import { demoDatabase } from "./open-database.ts";
import { downloadRoutes } from "./routes/downloads.ts";
import { pageRoutes } from "./routes/pages.ts";
import { addPrincipals } from "./routes/principal.ts";
import { uploadRoute } from "./routes/uploads.ts";
import { verificationRoutes } from "./routes/verifications.ts";
import { verifyLinkRoute } from "./routes/verify-link.ts";
import type { Settings } from "./settings.ts";
import { accountVerification } from "./workflows/account-verification.ts";
import { bookTrip } from "./workflows/book-trip.ts";

/** A demo server that listens. */
export interface DemoServer {
  /** Without a closing slash. */
  readonly url: string;
  readonly databaseLabel: string;
  readonly forge: Forge;
  /** Ends the streams, gives running jobs 3 s to finish, gives the others back, and closes the database. */
  close(): Promise<void>;
}

/** What tests change. */
export interface StartOptions {
  /** How many users to seed an empty database with. Default 100,000. */
  readonly users?: number;
  /** Where Forge's warnings go. Default: the console. */
  readonly logger?: Logger;
}

const LEFTOVERS_EVERY_MS = 30_000;

/** Migrates and seeds the database, works on jobs, and serves both pages. Resolves when it listens. */
export async function startDemoServer(settings: Settings, options: StartOptions = {}): Promise<DemoServer> {
  await mkdir(settings.dataDir, { recursive: true });
  const clock = await openDemoClock(settings.dataDir);
  const database = demoDatabase(settings, clock.store);
  const post = await openPost(settings.dataDir);
  const files = demoFiles(settings.dataDir);
  // Forge goes first, since it settles how an SQLite file is laid out. Its handlers wait for the demo's tables.
  const opened = Promise.withResolvers<DemoData>();
  opened.promise.catch(() => undefined);
  const listening = Promise.withResolvers<string>();
  listening.promise.catch(() => undefined);
  const demo: DemoContext = {
    data: opened.promise,
    files,
    post,
    origin: listening.promise,
    paceMs: settings.paceMs,
    ownerOf: (jobId) => ownerOf(forge, jobId),
  };
  const forge: Forge = createForge({
    store: database.store,
    jobs: [exportUsers, importContacts],
    workflows: [accountVerification, bookTrip],
    context: { demo },
    ...(options.logger && { logger: options.logger }),
  });
  const app = Fastify({ forceCloseConnections: true });
  let data: DemoData | null = null;
  let sweeper: NodeJS.Timeout | undefined;
  const close = async (): Promise<void> => {
    clearInterval(sweeper);
    for (const awaited of [opened, listening]) awaited.reject(new Error("The server stops"));
    await app.close();
    await forge.stop({ timeout: "3s" });
    await post.close();
    await data?.close();
  };

  try {
    await forge.start();
    data = await database.openData({ users: options.users ?? DEMO_USERS });
    opened.resolve(data);
    const leftovers = { forge, data, dataDir: settings.dataDir };
    await removeLeftovers({ ...leftovers, now: Date.now() });
    sweeper = setInterval(() => {
      // What it could not reach this time it finds the next time.
      removeLeftovers({ ...leftovers, now: Date.now() }).catch(() => undefined);
    }, LEFTOVERS_EVERY_MS);

    await addPrincipals(app);
    await app.register(forgeGateway, { forge, authenticate: (request) => ({ id: request.principalId }) });
    await app.register(uploadRoute, { files });
    await app.register(downloadRoutes, { forge, files });
    await app.register(verificationRoutes, { forge, post, clock });
    await app.register(verifyLinkRoute, { forge, data });
    await app.register(pageRoutes, { pages: settings.pages });
    await app.listen({ host: settings.host, port: settings.port });
    listening.resolve(`http://${settings.host}:${listeningPort(app)}`);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: await listening.promise, databaseLabel: database.label, forge, close };
}

async function ownerOf(forge: Forge, jobId: string): Promise<string> {
  const owner = (await forge.jobs.get(jobId))?.owner ?? null;
  if (owner === null) throw new Error(`Job ${jobId} has no owner; pass { owner } where it is dispatched.`);
  return owner;
}

function listeningPort(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port;
}
