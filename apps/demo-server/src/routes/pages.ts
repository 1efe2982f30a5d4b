import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../settings.ts";

const FRAMEWORKS = ["svelte", "react"] as const;

/** Serves the built pages under `/svelte/` and `/react/`, and sends `/` to the first. Throws when they are not built. */
export async function pageRoutes(app: FastifyInstance, { pages }: { pages: Settings["pages"] }): Promise<void> {
  for (const framework of FRAMEWORKS) {
    const root = pages[framework];
    if (!existsSync(join(root, "index.html"))) {
      throw new Error(`${root} holds no page. Build it: npx -y pnpm@12 --filter ./apps/demo-${framework} build`);
    }
    await app.register(async (scope) => {
      await scope.register(fastifyStatic, {
        root,
        prefix: `/${framework}/`,
        // Vite puts a hash of the content into the names of everything but the page itself.
        setHeaders: (reply, path) => {
          const isPage = path.endsWith("index.html");
          reply.header("cache-control", isPage ? "no-cache" : "public, max-age=31536000, immutable");
        },
      });
      scope.get(`/${framework}`, (_request, reply) => reply.redirect(`/${framework}/`));
      scope.get(`/${framework}/states`, (_request, reply) => reply.sendFile("index.html"));
    });
  }
  app.get("/", (_request, reply) => reply.redirect("/svelte/"));
}
