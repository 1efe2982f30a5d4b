import { ERROR_CODES } from "@forge-jobs/protocol";
import { ForgeError, type Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { insertJob, newJob } from "./one-job.ts";
import { processIdentity } from "./one-worker.ts";
import type { Suite } from "./suite.ts";

/** Runs what must fail, and answers the error after checking what every error of a store is held to. */
async function failure(work: Promise<unknown>): Promise<ForgeError> {
  const error: unknown = await work.then(
    () => new Error("It did not fail"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForgeError);
  const forgeError = error as ForgeError;
  expect(Object.keys(ERROR_CODES)).toContain(forgeError.code);
  // The driver's error is the cause, and its text stays there.
  if (forgeError.cause instanceof Error && forgeError.cause.message !== "") {
    expect(forgeError.message).not.toContain(forgeError.cause.message);
  }
  return forgeError;
}

const everyVerb: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
  ["migrate", (store) => store.migrate()],
  ["checkSchema", (store) => store.checkSchema()],
  ["identity", (store) => store.identity()],
  ["ping", (store) => store.ping()],
  ["insert", (store) => store.jobs.insert({ jobs: [newJob()] })],
  ["claim", (store) => store.jobs.claim({ workerId: "w", queue: "q", types: ["t"], limit: 1, oldestFirst: false })],
  ["nextDue", (store) => store.jobs.nextDue({ queue: "q", types: ["t"] })],
  ["states", (store) => store.jobs.states({ ids: [newJob().id] })],
  ["get", (store) => store.jobs.get({ ids: [newJob().id] })],
  ["list", (store) => store.jobs.list({ limit: 1 })],
  ["cancel", (store) => store.jobs.cancel({ ids: [newJob().id], reason: "r" })],
  ["retry", (store) => store.jobs.retry({ ids: [newJob().id] })],
  ["register", (store) => store.workers.register({ workerId: "w", leaseMs: 1_000, process: processIdentity() })],
  ["beat", (store) => store.workers.beat({ workerId: "w", leaseMs: 1_000 })],
  ["workers", (store) => store.workers.list()],
  ["deadLetter", (store) => store.sweeps.deadLetter({ afterMs: 1, limit: 1 })],
];

/** Errors: a code of the table and a sentence for people, whatever the driver said. */
export const errorsSuite: Suite = {
  topic: "errors",
  cases: [
    {
      name: "every verb on a database that does not answer fails with UNAVAILABLE",
      async run({ unreachable }) {
        const { store, names, secrets } = unreachable();
        expect(store.address).toContain(names);
        const failures = await Promise.all(
          everyVerb.map(async ([verb, call]) => ({ verb, error: await failure(call(store)) })),
        );
        for (const { verb, error } of failures) {
          expect(error.code, verb).toBe("UNAVAILABLE");
          expect(error.cause, verb).toBeInstanceOf(Error);
          expect(error.message, verb).toContain(names);
          for (const secret of secrets) expect(`${error.message} ${store.address}`).not.toContain(secret);
        }
        await store.close();
      },
    },
    {
      name: "an id that exists already is refused with BAD_REQUEST",
      async run({ store }) {
        const job = await insertJob(store);
        expect((await failure(store.jobs.insert({ jobs: [job] }))).code).toBe("BAD_REQUEST");
      },
    },
    {
      name: "a tx that is no handle of this database is refused with BAD_REQUEST, and nothing is inserted",
      async run({ store }) {
        for (const tx of [{}, "tx", 1]) {
          const job = newJob();
          expect((await failure(store.jobs.insert({ jobs: [job], tx }))).code).toBe("BAD_REQUEST");
          expect(await store.jobs.get({ ids: [job.id] })).toEqual([]);
        }
      },
    },
    {
      name: "a store that is closed refuses with a code, and closing again does nothing",
      async run({ store, other }) {
        await other.close();
        await other.close();
        await failure(other.jobs.list({ limit: 1 }));
        await failure(other.ping());
        await insertJob(store);
      },
    },
  ],
};
