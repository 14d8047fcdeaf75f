// The clients, and what each of them cannot see or sees differently.
//
// An exception says what a client sees instead of what the table of cases says, and why. One that does not occur any more fails the
// run: it is to be taken out.

import path from "node:path";
import { fileURLToPath } from "node:url";

// A variable that is empty says nothing.
const TARGET = process.env.CARGO_TARGET_DIR || fileURLToPath(new URL("../../target", import.meta.url));

/** Where the clients of requirements.txt are installed. */
const PYTHON = process.env.SSE_MATRIX_PYTHON || path.join(TARGET, "matrix-python/bin/python");

const node = (script) => ["node", `readers/${script}`];

const python = (script) => [PYTHON, `readers/${script}`];

// ---- Exceptions -----------------------------------------------------------------------------------------------------

const exceptions = (why, cases, change) =>
  cases.map((name) => ({ name, why, seen: (events) => events.map((event) => ({ ...event, ...change(event) })) }));

/** The last event id of such a client is the application's to remember. */
const OWN_IDS = exceptions("gives an event its own id only", ["ids", "ids-unicode"], ({ isOwnId, id }) => ({ id: isOwnId ? id : "" }));

const WITHOUT_NUL = exceptions("drops NUL from data", ["nul"], ({ data }) => ({ data: data.replaceAll("\0", "") }));

/** It adds lines to what is not empty, and decodes each line by itself. */
const FOLDED = exceptions(
  "loses empty lines before the first text, and a BOM at the start of a line",
  ["blank-lines", "bom", "cr", "crlf", "field-lookalikes", "mixed-breaks"],
  ({ data }) => ({
    data: data.split("\n").map((line) => line.replace(/^\ufeff/, "")).reduce((text, line) => (text ? `${text}\n${line}` : line), ""),
  }),
);

// ---- Clients --------------------------------------------------------------------------------------------------------

/**
 * - `reader`: the command, which serves many jobs (see readers/protocol.mjs) unless `isOneShot`
 * - `job`: what each of its jobs says besides
 * - `scheme`: what it asks by; `version` of HTTP is what the server must see
 * - `sharesConnections`: whether its streams over HTTP/2 do; yes unless told otherwise
 * - `reconnects`: it comes back by itself; where it does not, the runner reads on with the last id
 * - `tells`: what it sees besides events, and `post` where it can ask with POST
 * - `needs`: the program, by the variable that names another one
 */
export const CLIENTS = [
  {
    name: "chromium",
    reader: node("chromium.mjs"),
    needs: { program: "chromium", variable: "CHROMIUM" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: true,
    tells: [],
    exceptions: [],
  },
  {
    name: "chromium-h2",
    reader: node("chromium.mjs"),
    needs: { program: "chromium", variable: "CHROMIUM" },
    scheme: "https",
    version: "HTTP/2.0",
    reconnects: true,
    tells: [],
    exceptions: [],
  },
  {
    name: "firefox",
    reader: node("firefox.mjs"),
    needs: { program: "firefox-esr", variable: "FIREFOX" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: true,
    tells: [],
    exceptions: WITHOUT_NUL,
  },
  {
    name: "firefox-h2",
    reader: node("firefox.mjs"),
    needs: { program: "firefox-esr", variable: "FIREFOX" },
    scheme: "https",
    version: "HTTP/2.0",
    reconnects: true,
    tells: [],
    exceptions: WITHOUT_NUL,
  },
  {
    name: "undici",
    reader: node("undici.mjs"),
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: true,
    tells: [],
    exceptions: [],
  },
  {
    name: "eventsource",
    reader: node("eventsource.mjs"),
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: true,
    tells: [],
    exceptions: OWN_IDS,
  },
  {
    name: "eventsource-parser",
    reader: node("eventsource-parser.mjs"),
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: false,
    tells: ["status", "comment", "retry", "post"],
    exceptions: OWN_IDS,
  },
  {
    name: "fetch-event-source",
    reader: node("chromium.mjs"),
    needs: { program: "chromium", variable: "CHROMIUM" },
    job: { with: "fetch-event-source" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: true,
    tells: ["status", "retry", "post"],
    exceptions: [...OWN_IDS, ...FOLDED],
  },
  {
    name: "httpx-sse",
    reader: python("httpx-sse.py"),
    needs: { program: PYTHON, variable: "SSE_MATRIX_PYTHON" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: false,
    tells: ["status", "retry", "post"],
    exceptions: [],
  },
  {
    name: "sseclient-py",
    reader: python("sseclient-py.py"),
    needs: { program: PYTHON, variable: "SSE_MATRIX_PYTHON" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: false,
    tells: ["status", "retry", "post"],
    exceptions: OWN_IDS,
  },
  {
    name: "curl",
    reader: node("curl.mjs"),
    needs: { program: "curl" },
    scheme: "http",
    version: "HTTP/1.1",
    reconnects: false,
    tells: ["status", "comment", "retry", "post"],
    exceptions: [],
  },
  {
    name: "curl-h2",
    reader: node("curl.mjs"),
    needs: { program: "curl" },
    job: { with: "h2" },
    scheme: "https",
    version: "HTTP/2.0",
    sharesConnections: false,
    reconnects: false,
    tells: ["status", "comment", "retry", "post"],
    exceptions: [],
  },
];
