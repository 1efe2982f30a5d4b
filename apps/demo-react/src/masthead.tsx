import type { MouseEvent, ReactElement } from "react";

/** The head of every page: where one is, and the way to the same page in the other framework. */
export function Masthead({ isStates }: { isStates: boolean }): ReactElement {
  const path = isStates ? "states" : "";
  // The other page then shows the same jobs.
  const takeJobsAlong = (event: MouseEvent<HTMLAnchorElement>): void => {
    event.currentTarget.search = location.search;
  };
  return (
    <header className="masthead">
      <a className="wordmark" href="/react/">
        <svg width="26" height="26" viewBox="0 0 24 24" aria-hidden="true">
          <rect width="24" height="24" rx="6.5" fill="currentColor" />
          <path d="M6.2 15.4h11.6M6.2 9.4h7" stroke="var(--accent-ink)" strokeWidth="3" strokeLinecap="round" />
        </svg>
        Forge
      </a>
      <nav aria-label="Pages">
        <a href="/react/" aria-current={isStates ? undefined : "page"}>
          Demo
        </a>
        <a href="/react/states" aria-current={isStates ? "page" : undefined}>
          All states
        </a>
        <span className="switch" role="group" aria-label="Framework">
          <a href={`/svelte/${path}`} onClick={takeJobsAlong}>
            Svelte
          </a>
          <a href={`/react/${path}`} aria-current="true" onClick={takeJobsAlong}>
            React
          </a>
        </span>
      </nav>
    </header>
  );
}
