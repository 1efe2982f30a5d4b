import react from "@vitejs/plugin-react";
import { defaultClientConditions, defineConfig } from "vite";

// `npx -y pnpm@12 demo` serves the built page; for `vite` alone, what is not the page comes from a demo that runs beside it.
const demoServer = process.env["FORGE_DEMO_URL"] ?? "http://localhost:3000";
const served = ["/_api", "/uploads", "/downloads", "/samples", "/verifications", "/verify"];

export default defineConfig({
  base: "/react/",
  plugins: [react()],
  resolve: { conditions: ["source", ...defaultClientConditions] },
  server: { proxy: Object.fromEntries(served.map((path) => [path, demoServer])) },
});
