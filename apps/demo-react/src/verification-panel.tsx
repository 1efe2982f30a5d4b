import { keepFocus, putJobInAddress, TEXTS, VERIFICATION_WORDS, verificationSentence } from "@forge-jobs/demo-shared";
import { type FormEvent, type ReactElement, useState } from "react";
import { useAccountVerification } from "./lib/forge/index.ts";
import { Mailbox } from "./mailbox.tsx";
import { RunCard } from "./run-card.tsx";
import { useAddressOf, useJobInAddress } from "./use-job-address.ts";

/** Starts the verification of an address, or attaches to the one that the page's address names. */
export function VerificationPanel({ announce }: { announce: (text: string) => void }): ReactElement {
  const [email, setEmail] = useState("ada@example.com");
  const { workflow, start, cancel, reset } = useAccountVerification(useJobInAddress("verification"));
  useAddressOf("verification", workflow?.workflowId ?? "", reset);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // What becomes of it is in `workflow`, a refusal too.
    start({ email }).catch(() => {});
  };
  const leave = (): void => {
    reset();
    putJobInAddress("verification", null);
  };

  return (
    <section className="panel" aria-labelledby="verification-title" ref={keepFocus}>
      <header>
        <h2 id="verification-title" tabIndex={-1} data-focus-home={workflow === null ? "" : undefined}>
          {TEXTS.verificationTitle}
        </h2>
        <p>{TEXTS.verificationIntro}</p>
      </header>

      {workflow === null ? (
        <form className="form" onSubmit={submit}>
          <label className="field">
            {TEXTS.verificationEmail}
            <input
              type="email"
              name="email"
              required
              autoComplete="email"
              value={email}
              onChange={(event) => setEmail(event.currentTarget.value)}
            />
          </label>
          <p className="soft small">{TEXTS.verificationNote}</p>
          <button className="button primary" type="submit">
            {TEXTS.verificationStart}
          </button>
        </form>
      ) : (
        <RunCard words={VERIFICATION_WORDS} view={workflow} announce={announce} cancel={cancel} reset={leave}>
          {workflow.status === "completed" && <p>{verificationSentence(workflow.output)}</p>}
          {workflow.steps.length > 0 && <Mailbox key={workflow.workflowId} view={workflow} />}
        </RunCard>
      )}
    </section>
  );
}
