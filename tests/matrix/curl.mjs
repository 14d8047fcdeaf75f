// One request by curl, the client that shows every byte.

import { spawnOwned } from "./owned.mjs";
import { Parser } from "./standard.mjs";

/** The longest that a timer takes. */
const NO_LIMIT = 2 ** 31 - 1;
const HEAD_END = "\r\n\r\n";

/** Neither a file nor the environment says what curl does: a proxy named there has no way to what is local. `-q` must come first. */
export const ALONE = ["-q", "--noproxy", "*"];

/** A response while it arrives: its head, its bytes, and what they mean by the standard's algorithm. */
export class Response {
  /** `{ status, version, headers }`, as soon as it is there. */
  head = null;
  /** Every `{event}`, `{comment}` and `{retry}` so far. */
  items = [];
  /** `{ clean, why }` after the end: whether the body was whole, by its own framing. */
  end = null;
  #chunks = [];
  #before = Buffer.alloc(0);
  #waiting = new Set();
  #curl;
  #parser;

  constructor(url, { args = [], lastEventId = "", heard = () => {} } = {}) {
    this.#parser = new Parser((item) => {
      this.items.push(item);
      heard(item, this);
    }, lastEventId);
    const id = lastEventId === "" ? [] : ["-H", `Last-Event-ID: ${lastEventId}`];
    this.#curl = spawnOwned("curl", [...ALONE, "-sS", "-N", "-i", "-H", "Accept: text/event-stream", ...id, ...args, url]);
    this.#curl.stdin.end();
    let why = "";
    this.#curl.stderr.on("data", (text) => { why += text; });
    this.#curl.stdout.on("data", (chunk) => { this.#take(chunk); this.#tell(); });
    this.#curl.on("error", (error) => { why = error.message; });
    this.#curl.on("close", (code) => {
      this.end = { clean: code === 0, why: why.trim() || `curl ended with ${code}` };
      this.#tell();
    });
  }

  get body() { return Buffer.concat(this.#chunks); }

  get events() { return this.items.flatMap(({ event }) => event ?? []); }

  /** The data of the events that have no name. */
  get messages() { return this.events.filter(({ type }) => type === "message").map(({ data }) => data); }

  /** Closes the connection without a word, as a client does that has heard enough. */
  leave() { this.#curl.kill("SIGKILL"); }

  /** Ready as soon as `condition` holds. The limit is a safety net, and its error says what was there instead. */
  until(what, condition, limit = NO_LIMIT) {
    if (condition(this)) return Promise.resolve(this);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`not within ${limit / 1_000} s: ${what}; there was ${this.#summary()}`));
      }, limit);
      const look = () => {
        if (!condition(this)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(this);
      };
      this.#waiting.add(look);
    });
  }

  #take(chunk) {
    if (this.head !== null) return this.#feed(chunk);
    this.#before = Buffer.concat([this.#before, chunk]);
    const at = this.#before.indexOf(HEAD_END);
    if (at === -1) return;
    this.head = headOf(this.#before.toString("latin1", 0, at));
    const rest = this.#before.subarray(at + HEAD_END.length);
    this.#before = Buffer.alloc(0);
    if (rest.length > 0) this.#feed(rest);
  }

  #feed(chunk) {
    this.#chunks.push(chunk);
    this.#parser.feed(chunk);
  }

  #tell() { for (const look of [...this.#waiting]) look(); }

  #summary() {
    const status = this.head === null ? "no head" : `status ${this.head.status}`;
    const end = this.end === null ? "open" : this.end.clean ? "ended" : this.end.why;
    return `${status}, ${this.body.length} bytes, ${this.events.length} events, ${end}`;
  }
}

const headOf = (text) => {
  const [first, ...lines] = text.split("\r\n");
  const [, version, status] = /^HTTP\/(\S+) (\d+)/.exec(first) ?? [];
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { version, status: Number(status), headers: Object.fromEntries(headers) };
};
