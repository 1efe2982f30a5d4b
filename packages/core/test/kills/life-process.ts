// Lives through what a module of `lives` describes, and kills itself after a given statement. Its argument is the JSON
// of LifeSettings; it exits with 0 where it got to the end.
import type { LifeModule, LifeSettings } from "./place.ts";
import { killAfterStatements } from "./statements.ts";

const { life, killAfter, ...place } = JSON.parse(process.argv[2] ?? "") as LifeSettings;
const countdown = killAfterStatements(killAfter);
const module = (await import(life)) as LifeModule;
await module.live(place, countdown);
process.exit(0);
