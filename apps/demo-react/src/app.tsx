import type { ReactElement } from "react";
import { LivePage } from "./live-page.tsx";
import { Masthead } from "./masthead.tsx";
import { StatesPage } from "./states-page.tsx";

/** The page that the address names. */
export function App(): ReactElement {
  const isStates = location.pathname.replace(/\/$/, "").endsWith("/states");
  return (
    <div className="page">
      <Masthead isStates={isStates} />
      {isStates ? <StatesPage /> : <LivePage />}
    </div>
  );
}
