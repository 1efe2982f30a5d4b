const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether a text is the id of a job or a run. "" is not, and neither is what somebody typed into the address. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
