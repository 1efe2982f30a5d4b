import { restartTest } from "./support/restart-test.ts";

restartTest("SIGTERM");
