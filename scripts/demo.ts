import { buildDemos } from "./build-demos.ts";

console.log("Building both demos …");
await buildDemos();

// In this very process: signals reach the server once and directly, and its exit code is ours.
await import("../apps/demo-server/src/main.ts");
