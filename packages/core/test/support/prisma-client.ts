import { PrismaPg } from "@prisma/adapter-pg";
import { getPrismaClient } from "@prisma/client/runtime/client";

// What `prisma generate` of release 7.10.0 (generator "prisma-client") writes for one table `orders`, less its types. It lies
// here since the command, 230 MB of it, downloads an engine that it does not need for this; it was run with
// PRISMA_SCHEMA_ENGINE_BINARY naming any other program.
const config: Parameters<typeof getPrismaClient>[0] = {
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "0edf323efd1d98336f3f0a68684b56f689b900d3",
  activeProvider: "postgresql",
  inlineSchema:
    'generator client {\n  provider = "prisma-client"\n  output   = "../generated"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n\nmodel Order {\n  id   Int    @id\n  item String\n\n  @@map("orders")\n}\n',
  runtimeDataModel: JSON.parse(
    '{"models":{"Order":{"fields":[{"name":"id","kind":"scalar","type":"Int"},{"name":"item","kind":"scalar","type":"String"}],"dbName":"orders","schema":null}},"enums":{},"types":{}}',
  ) as Parameters<typeof getPrismaClient>[0]["runtimeDataModel"],
  parameterizationSchema: {
    strings: JSON.parse(
      '["where","Order.findUnique","Order.findUniqueOrThrow","orderBy","cursor","Order.findFirst","Order.findFirstOrThrow","Order.findMany","data","Order.createOne","Order.createMany","Order.createManyAndReturn","Order.updateOne","Order.updateMany","Order.updateManyAndReturn","create","update","Order.upsertOne","Order.deleteOne","Order.deleteMany","having","_count","_avg","_sum","_min","_max","Order.groupBy","Order.aggregate","AND","OR","NOT","id","item","equals","in","notIn","lt","lte","gt","gte","contains","startsWith","endsWith","not","set","increment","decrement","multiply","divide"]',
    ) as string[],
    graph:
      "KwsQBRwAACIAMB0AAAQAEB4AACIAMB8CAAAAASABACQAIQEAAAABACABAAAAAQAgBRwAACIAMB0AAAQAEB4AACIAMB8CACMAISABACQAIQADAAAABAAgAwAABQAwBAAAAQAgAwAAAAQAIAMAAAUAMAQAAAEAIAMAAAAEACADAAAFADAEAAABACACHwIAAAABIAEAAAABAQgAAAkAIAIfAgAAAAEgAQAAAAEBCAAACwAwAQgAAAsAMAIfAgAqACEgAQArACECAAAAAQAgCAAADgAgAh8CACoAISABACsAIQIAAAAEACAIAAAQACACAAAABAAgCAAAEAAgAwAAAAEAIA8AAAkAIBAAAA4AIAEAAAABACABAAAABAAgBRUAACUAIBYAACYAIBcAACkAIBgAACgAIBkAACcAIAUcAAAaADAdAAAXABAeAAAaADAfAgAbACEgAQAcACEDAAAABAAgAwAAFgAwFAAAFwAgAwAAAAQAIAMAAAUAMAQAAAEAIAUcAAAaADAdAAAXABAeAAAaADAfAgAbACEgAQAcACENFQAAHgAgFgAAIQAgFwAAHgAgGAAAHgAgGQAAHgAgIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKwIAIAAhDhUAAB4AIBgAAB8AIBkAAB8AICEBAAAAASIBAAAABCMBAAAABCQBAAAAASUBAAAAASYBAAAAAScBAAAAASgBAAAAASkBAAAAASoBAAAAASsBAB0AIQ4VAAAeACAYAAAfACAZAAAfACAhAQAAAAEiAQAAAAQjAQAAAAQkAQAAAAElAQAAAAEmAQAAAAEnAQAAAAEoAQAAAAEpAQAAAAEqAQAAAAErAQAdACEIIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKwIAHgAhCyEBAAAAASIBAAAABCMBAAAABCQBAAAAASUBAAAAASYBAAAAAScBAAAAASgBAAAAASkBAAAAASoBAAAAASsBAB8AIQ0VAAAeACAWAAAhACAXAAAeACAYAAAeACAZAAAeACAhAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAErAgAgACEIIQgAAAABIggAAAAEIwgAAAAEJAgAAAABJQgAAAABJggAAAABJwgAAAABKwgAIQAhBRwAACIAMB0AAAQAEB4AACIAMB8CACMAISABACQAIQghAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAErAgAeACELIQEAAAABIgEAAAAEIwEAAAAEJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAAAABKQEAAAABKgEAAAABKwEAHwAhAAAAAAAFLAIAAAABLQIAAAABLgIAAAABLwIAAAABMAIAAAABASwBAAAAAQAAAAAFFQAGFgAHFwAIGAAJGQAKAAAAAAAFFQAGFgAHFwAIGAAJGQAKAQIBAgMBBQYBBgcBBwgBCQoBCgwCCw0DDA8BDRECDhIEERMBEhQBExUCGhgFGxkL",
  },
  compilerWasm: {
    // @ts-expect-error Generated code is not type-checked; the package has no types for these two files.
    getRuntime: () => import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.mjs"),
    getQueryCompilerWasmModule: async () => {
      // @ts-expect-error As above.
      const { wasm } = (await import("@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.mjs")) as {
        wasm: string;
      };
      return new WebAssembly.Module(Buffer.from(wasm, "base64"));
    },
    importName: "./query_compiler_fast_bg.js",
  },
};

/** As much of a generated client as the tests use. */
interface PrismaTransaction {
  readonly order: { create(args: { data: { id: number; item: string } }): Promise<unknown> };
}

export interface PrismaClient extends PrismaTransaction {
  $transaction<T>(work: (tx: PrismaTransaction) => Promise<T>): Promise<T>;
  $disconnect(): Promise<void>;
}

/** A client of Prisma on a database with the table `orders`. */
export function prismaClient(url: string): PrismaClient {
  const Client = getPrismaClient(config);
  return new Client({ adapter: new PrismaPg({ connectionString: url }) }) as unknown as PrismaClient;
}
