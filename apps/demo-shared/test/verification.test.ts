import { expect, test } from "vitest";
import { clockSentence, mailParts, verificationSentence } from "../src/verification.ts";

test("a mail's text is cut into links and what is between them", () => {
  expect(mailParts("Please click\n\nhttp://localhost:3000/verify/a/b\n\nThank you")).toEqual([
    { text: "Please click\n\n", href: null },
    { text: "http://localhost:3000/verify/a/b", href: "http://localhost:3000/verify/a/b" },
    { text: "\n\nThank you", href: null },
  ]);
  expect(mailParts("no link, javascript:alert(1)")).toEqual([{ text: "no link, javascript:alert(1)", href: null }]);
  expect(mailParts("")).toEqual([]);
});

test("what came of a verification, and where the clock is, are said in sentences", () => {
  expect(verificationSentence({ email: "a@b.example", verified: true })).toBe("a@b.example is confirmed.");
  expect(verificationSentence({ email: "a@b.example", verified: false })).toContain("not confirmed within 24 hours");
  expect(clockSentence({ mails: [], clockAheadHours: 0 })).toBeNull();
  expect(clockSentence({ mails: [], clockAheadHours: 48 })).toBe("The demo’s clock is 48 hours ahead.");
});
