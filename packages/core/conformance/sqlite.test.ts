import { describeStore } from "./describe-store.ts";
import { openSqlite } from "./open-sqlite.ts";

describeStore("SQLite", openSqlite, {
  capabilities: { multiHost: false, namedHints: false },
  powers: ["notifications"],
  skips: [
    "transaction > an open transaction with a new job holds up neither claims nor settles",
    "replace > while its replacement is uncommitted a job is not claimed, and others are",
    "update > a row that somebody else has locked is reported held, the others are written, and it is applied later",
    "settle-in > while the transaction is open the row is held, and its neighbours are not",
    "settle-in > a run settles also while what it said before is being written",
    "retain > a job whose key somebody has locked is passed over, and deleted later",
    "retain > a lease that was taken before the clock went back does not last for ever",
    "changes > after a loss listeners are told, look at everything, and hear again",
    "loss > a store goes on by itself after its connections were cut",
    "loss > inserts that were under way are done once, or refused with UNAVAILABLE and not half done",
    "loss > outcomes that were under way settle once, some when they are sent again",
    "loss > jobs whose claim lost its answer are among the rows of the worker's next beat",
    "plans > a claim among 100,000 future jobs of a higher priority reads at most twice the rows it takes",
    "plans > a claim among 20,000 due jobs of types that nobody here serves reads at most twice the rows it takes",
    "plans > a claim among 20,000 due jobs of other queues reads at most twice the rows it takes",
    "plans > a claim among 5,000 jobs that ended while a transaction held its view open reads at most twice the rows it takes",
    "plans > a claim of jobs with keys among 100,000 jobs of keys that have no room reads at most twice the rows it takes",
    "plans > a claim of jobs with keys among jobs of 10,000 keys reads at most twice the rows it takes",
    "plans > a claim of jobs with keys among 10,000 jobs of as many keys whose time has not come reads at most twice the rows it takes",
    "plans > no verb about some running jobs reads those of others",
    "plans > finding what waits steps over the jobs, and counting them stops at its limit",
    "plans > a claim of a paused queue reads none of its 20,000 due jobs",
  ],
});
