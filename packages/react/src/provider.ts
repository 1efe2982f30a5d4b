import { createJobStore, type ForgeClient, jobStore } from "@forge-jobs/client";
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from "react";

/** What hooks ask of a client; the page's own offers it as functions. */
export type JobStores = Pick<ForgeClient, "createJobStore" | "jobStore">;

const Stores = createContext<JobStores>({ createJobStore, jobStore });

/** Makes the hooks below it use `client` in place of the page's own client. Does not close it. */
export function ForgeProvider({ client, children }: { client: JobStores; children?: ReactNode }): ReactElement {
  return createElement(Stores.Provider, { value: client }, children);
}

/** The client of the nearest provider, or the page's own. */
export function useJobStores(): JobStores {
  return useContext(Stores);
}
