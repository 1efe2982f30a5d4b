import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { markedProcesses } from "../scripts/test-run/marked-processes.ts";
import { freePort } from "./support/free-port.ts";
import { tempDir } from "./support/temp-dir.ts";
import { copyTree, freshEnvironment } from "./support/tree-copy.ts";
import { until } from "./support/until.ts";
import { readmeCommands } from "./support/workspace.ts";

const minutes = 60_000;

test(
  "the README's demo command serves both pages from a fresh copy of the tree",
  { timeout: 12 * minutes },
  async () => {
    await using folder = await tempDir("forge-demo-command-");
    const [tree, home, data] = ["tree", "home", "data"].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    await Promise.all([tree, home, data].map((path) => mkdir(path)));
    await copyTree(tree);
    const port = await freePort();
    const mark = `FORGE_TEST_DEMO=${folder.path}`;

    const { demo } = await readmeCommands();
    const shell = spawn("sh", ["-c", demo ?? "false"], {
      cwd: tree,
      env: {
        ...(await freshEnvironment(home)),
        PORT: String(port),
        FORGE_DEMO_DATA: data,
        FORGE_TEST_DEMO: folder.path,
      },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = shell.pid!;
    let output = "";
    shell.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    shell.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const exited = once(shell, "exit");

    try {
      for (const path of ["/svelte/", "/react/"]) {
        const page = await until(
          async () => {
            if (shell.exitCode !== null) return "ended";
            const response = await fetch(`http://localhost:${port}${path}`);
            return response.status === 200 && (await response.text());
          },
          { what: `${path} to answer 200`, within: 10 * minutes, every: 250 },
        );
        expect(page).toMatch(/<script type="module"[^>]* src="/);
      }
      expect(output).toContain(`http://localhost:${port}/svelte/`);
      expect(output).toContain(`http://localhost:${port}/react/`);
    } catch (error) {
      throw new Error(`The demo command failed. It said:\n${output.slice(-8000)}`, { cause: error });
    } finally {
      endGroup(group, "SIGTERM");
      await until(() => !groupLives(group), { what: "the demo's process group to end", within: 30_000 }).finally(() =>
        endGroup(group, "SIGKILL"),
      );
      await exited;
    }
    expect(await markedProcesses(mark)).toEqual(new Map());
    await expect(fetch(`http://localhost:${port}/`)).rejects.toThrow("fetch failed");
  },
);

function endGroup(group: number, signal: NodeJS.Signals): void {
  if (groupLives(group)) process.kill(-group, signal);
}

function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}
