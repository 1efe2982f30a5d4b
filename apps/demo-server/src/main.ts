import { startDemoServer } from "./demo-server.ts";
import { readSettings } from "./settings.ts";

/**
 * Starts the demo server. Reads PORT, HOST, DATABASE_URL, FORGE_DEMO_DATA, FORGE_DEMO_PACE, FORGE_DEMO_SVELTE_DIR and
 * FORGE_DEMO_REACT_DIR; see `Settings`. SIGTERM and SIGINT stop it; a second one ends it at once.
 */
async function main(): Promise<void> {
  const server = await startDemoServer(readSettings(process.env));
  console.log(`Forge demo on ${server.url}
  Svelte    ${server.url}/svelte/
  React     ${server.url}/react/
  Database  ${server.databaseLabel}`);

  const stop = (): void => {
    console.log("Stopping; jobs that are under way go on at the next start.");
    server.close().catch(fail);
  };
  // After the first signal the default action is back.
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

main().catch(fail);
