import { clockSentence, mailParts, TEXTS } from "@forge-jobs/demo-shared";
import type { WorkflowView } from "@forge-jobs/react";
import type { ReactElement } from "react";
import { Complaint } from "./complaint.tsx";
import { Icon } from "./icon.tsx";
import { useVerification } from "./use-verification.ts";

/** Beside a verification: what has come to the mailbox, and the clock while the run waits. */
export function Mailbox({ view }: { view: WorkflowView }): ReactElement {
  const { known, isMoving, complaint, moveClock } = useVerification(view);
  const clock = known === null ? null : clockSentence(known);
  return (
    <div className="beside">
      <h3>
        <Icon name="mail" />
        {TEXTS.mailbox}
      </h3>
      {known === null || known.mails.length === 0 ? (
        <p className="soft">{TEXTS.mailboxEmpty}</p>
      ) : (
        known.mails.map((mail) => (
          <article key={mail.id} className="mail" aria-label={mail.subject}>
            <p>
              <strong>{mail.subject}</strong>
            </p>
            <p className="soft small">
              {mail.from} to {mail.to}
            </p>
            <p className="text">
              {mailParts(mail.text).map(({ text, href }, index) =>
                href === null ? (
                  text
                ) : (
                  <a key={index} href={href} target="_blank" rel="noreferrer">
                    {text}
                  </a>
                ),
              )}
            </p>
          </article>
        ))
      )}
      {view.status === "waiting" && (
        <div className="clock">
          <p className="soft small">{TEXTS.clockIntro}</p>
          <button className="button" type="button" aria-disabled={isMoving} onClick={() => void moveClock()}>
            <Icon name="waiting" />
            {isMoving ? TEXTS.clockMoving : TEXTS.clockForward}
          </button>
        </div>
      )}
      {clock !== null && <p className="soft small">{clock}</p>}
      {complaint !== null && <Complaint text={complaint} />}
    </div>
  );
}
