import { createJobStore, createWorkflowStore, type ForgeClient, jobStore, workflowStore } from "@forge-jobs/client";
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from "react";

/** What hooks ask of a client; the page's own offers it as functions. */
export type ForgeStores = Omit<ForgeClient, "close">;

const Stores = createContext<ForgeStores>({ createJobStore, jobStore, createWorkflowStore, workflowStore });

/** Makes the hooks below it use `client` in place of the page's own client. Does not close it. */
export function ForgeProvider({ client, children }: { client: ForgeStores; children?: ReactNode }): ReactElement {
  return createElement(Stores.Provider, { value: client }, children);
}

/** The client of the nearest provider, or the page's own. */
export function useForgeStores(): ForgeStores {
  return useContext(Stores);
}
