import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** What Playwright needs to know to launch a browser; goes into `use.launchOptions`. */
export interface ChromiumLaunch {
  readonly executablePath: string;
  /** Replaces the whole environment of the browser. Absent: it inherits ours. */
  readonly env?: Record<string, string>;
}

const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));

/**
 * Finds a Chromium for the tests: on Linux x64 always the registry's, elsewhere Playwright's or the machine's own.
 *
 * The registry's is unpacked at the first call on a machine, which takes some seconds; any number of processes may
 * make that call at once. Fails with what to install where there is none.
 */
export async function findChromium(): Promise<ChromiumLaunch> {
  if (process.platform === "linux" && process.arch === "x64") return registryChromium();
  const { chromium } = await import("@playwright/test");
  const candidates = [
    chromium.executablePath(),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    ...(process.env["PATH"] ?? "")
      .split(delimiter)
      .flatMap((folder) => [join(folder, "chromium"), join(folder, "chromium-browser"), join(folder, "google-chrome")]),
  ];
  const executablePath = candidates.find((candidate) => candidate !== "" && existsSync(candidate));
  if (executablePath !== undefined) return { executablePath };
  throw new Error(
    'The tests need Chromium and found none. Install one: "npx -y pnpm@12 exec playwright install chromium".',
  );
}

async function registryChromium(): Promise<ChromiumLaunch> {
  const bin = new URL("../bin/", import.meta.resolve("@sparticuz/chromium"));
  const { version } = JSON.parse(await readFile(new URL("../package.json", bin), "utf8")) as { version: string };
  const home = join(cache, `chromium-${version}`);
  if (!existsSync(home)) await unpack(fileURLToPath(bin), home);
  const executablePath = join(home, "chromium");
  const env = { ...inherited(), FONTCONFIG_PATH: join(home, "fonts"), XDG_CACHE_HOME: join(home, "cache") };
  if (await startsWith(executablePath, env)) return { executablePath, env };
  // Machines without a desktop lack libnss3 and its kin; the package carries Amazon Linux's.
  const withLibraries = { ...env, LD_LIBRARY_PATH: join(home, "al2023", "lib") };
  if (await startsWith(executablePath, withLibraries)) return { executablePath, env: withLibraries };
  throw new Error(
    `${executablePath} does not start on this machine. See which libraries it misses with "ldd ${executablePath}", ` +
      'and install them: "npx -y pnpm@12 exec playwright install-deps chromium".',
  );
}

async function startsWith(executable: string, env: Record<string, string>): Promise<boolean> {
  try {
    await promisify(execFile)(executable, ["--version"], { env });
    return true;
  } catch {
    return false;
  }
}

/** Unpacks next to `home` and moves the whole folder there in one step, so nobody sees half of it. */
async function unpack(bin: string, home: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, "chromium-unpacking-"));
  try {
    // The package unpacks into the temporary folder, which the environment names for a whole process: hence another.
    const script =
      'import { inflate } from "@sparticuz/chromium"; await Promise.all(process.argv.slice(1).map(inflate));';
    const archives = ["chromium.br", "fonts.tar.br", "swiftshader.tar.br", "al2023.tar.br"];
    await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script, ...archives.map((archive) => join(bin, archive))],
      { cwd: dirname(fileURLToPath(import.meta.url)), env: { ...inherited(), TMPDIR: staging } },
    );
    await writeFile(join(staging, "fonts", "fonts.conf"), fontsConf);
    await rename(staging, home);
  } catch (error) {
    // Another process has moved its copy there first.
    if (!existsSync(home)) throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

// Reports print how the browser was launched, so it is given no more of the environment than it needs.
function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "FORGE_TEST_RESULTS"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

// The package's own file names folders of another machine. Only the font beside this file counts, so that pages
// look the same everywhere; a form control without any font crashes the browser.
const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">.</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;
