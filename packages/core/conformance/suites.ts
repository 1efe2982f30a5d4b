import { awaitingHeardSuite } from "./awaiting-heard.suite.ts";
import { awaitingSuite } from "./awaiting.suite.ts";
import { awaitedSuite } from "./awaited.suite.ts";
import { cancelSuite } from "./cancel.suite.ts";
import { changesSuite } from "./changes.suite.ts";
import { childrenSuite } from "./children.suite.ts";
import { claimSuite } from "./claim.suite.ts";
import { deadLettersSuite } from "./dead-letters.suite.ts";
import { deleteSuite } from "./delete.suite.ts";
import { discardSuite } from "./discard.suite.ts";
import { errorsSuite } from "./errors.suite.ts";
import { fenceSuite } from "./fence.suite.ts";
import { historySuite } from "./history.suite.ts";
import { insertClaimedSuite } from "./insert-claimed.suite.ts";
import { insertSuite } from "./insert.suite.ts";
import { keyedLimitsSuite } from "./keyed-limits.suite.ts";
import { keysSuite } from "./keys.suite.ts";
import { leaseSuite } from "./lease.suite.ts";
import { limitsSuite } from "./limits.suite.ts";
import { listSuite } from "./list.suite.ts";
import { logsSuite } from "./logs.suite.ts";
import { lossSuite } from "./loss.suite.ts";
import { migrateSuite } from "./migrate.suite.ts";
import { nextDueSuite } from "./next-due.suite.ts";
import { ordersSuite } from "./orders.suite.ts";
import { plansSuite } from "./plans.suite.ts";
import { queuesSuite } from "./queues.suite.ts";
import { rateLimitsSuite } from "./rate-limits.suite.ts";
import { readSuite } from "./read.suite.ts";
import { recordInSuite } from "./record-in.suite.ts";
import { replaceSuite } from "./replace.suite.ts";
import { rescueSuite } from "./rescue.suite.ts";
import { retainSuite } from "./retain.suite.ts";
import { retrySuite } from "./retry.suite.ts";
import { revisionsSuite } from "./revisions.suite.ts";
import { runListSuite } from "./run-list.suite.ts";
import { runPlansSuite } from "./run-plans.suite.ts";
import { runsKeptSuite } from "./runs-kept.suite.ts";
import { runActsSuite } from "./run-acts.suite.ts";
import { runsSuite } from "./runs.suite.ts";
import { savedSuite } from "./saved.suite.ts";
import { settleInSuite } from "./settle-in.suite.ts";
import { settleSuite } from "./settle.suite.ts";
import type { Suite } from "./suite.ts";
import { signalsSuite } from "./signals.suite.ts";
import { stepsSuite } from "./steps.suite.ts";
import { suspendSuite } from "./suspend.suite.ts";
import { sweepSuite } from "./sweep.suite.ts";
import { takeoverSuite } from "./takeover.suite.ts";
import { ticksSuite } from "./ticks.suite.ts";
import { transactionSuite } from "./transaction.suite.ts";
import { transitionsSuite } from "./transitions.suite.ts";
import { updateSuite } from "./update.suite.ts";
import { viewSuite } from "./view.suite.ts";

/** Everything that every store shows, topic by topic. */
export const SUITES: readonly Suite[] = [
  migrateSuite,
  insertSuite,
  insertClaimedSuite,
  transactionSuite,
  keysSuite,
  takeoverSuite,
  replaceSuite,
  claimSuite,
  nextDueSuite,
  updateSuite,
  settleSuite,
  settleInSuite,
  fenceSuite,
  savedSuite,
  leaseSuite,
  rescueSuite,
  queuesSuite,
  ordersSuite,
  cancelSuite,
  childrenSuite,
  awaitedSuite,
  retrySuite,
  historySuite,
  logsSuite,
  deadLettersSuite,
  discardSuite,
  deleteSuite,
  transitionsSuite,
  revisionsSuite,
  readSuite,
  listSuite,
  sweepSuite,
  limitsSuite,
  keyedLimitsSuite,
  retainSuite,
  rateLimitsSuite,
  ticksSuite,
  runsSuite,
  runActsSuite,
  runListSuite,
  runsKeptSuite,
  stepsSuite,
  recordInSuite,
  signalsSuite,
  suspendSuite,
  awaitingSuite,
  awaitingHeardSuite,
  changesSuite,
  viewSuite,
  errorsSuite,
  lossSuite,
  plansSuite,
  runPlansSuite,
];
