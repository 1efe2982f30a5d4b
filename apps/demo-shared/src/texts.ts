/** What both pages say, word for word. */
export const TEXTS = {
  title: "Background jobs, live in the browser",
  intro:
    "Start a job and watch it. Reload, go back, close the lid, restart the server: the page picks the job up where the database says it is.",
  statesTitle: "Every state a job can show",
  statesIntro: "Fixed states in the component that the demo uses. Nothing runs here, and the buttons do nothing.",
  exportTitle: "Export users",
  exportIntro: "100,000 people from the demo's database, written to a file that only this browser can download.",
  exportFormat: "Format",
  exportFlaky: "Break off twice on the way, to watch it recover",
  exportStart: "Start export",
  importTitle: "Import contacts",
  importIntro:
    "A CSV file with the columns name and email. Every row is checked; all good ones are imported together, or none.",
  importChoose: "Choose a CSV file",
  importDrop: "or drop it here, up to 20 MB",
  importStart: "Import",
  importOther: "Choose another file",
  importSample: "No file at hand? Take this one: 140,000 rows, some of them wrong.",
  importSampleUrl: "/samples/contacts.csv",
  uploading: "Uploading",
  another: "Start another",
  cancel: "Cancel",
  cancelling: "Cancelling …",
  retry: "Try again",
  retrying: "Trying again …",
} as const;
