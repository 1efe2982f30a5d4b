import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

// `npx -y pnpm@12 demo` serves the built page; for `vite` alone, what is not the page comes from a demo that runs beside it.
const demoServer = process.env["FORGE_DEMO_URL"] ?? "http://localhost:3000";
const served = ["/_api", "/uploads", "/downloads", "/samples", "/verifications", "/verify"];

export default defineConfig({
  base: "/svelte/",
  plugins: [svelte()],
  resolve: {
    conditions: ["source", ...defaultClientConditions],
    alias: { $lib: fileURLToPath(new URL("src/lib", import.meta.url)) },
  },
  server: { proxy: Object.fromEntries(served.map((path) => [path, demoServer])) },
});
