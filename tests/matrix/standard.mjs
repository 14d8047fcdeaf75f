// The standard's algorithm for an event stream, written from its text and from nothing else here, for clients that only
// show bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

/** Feeds on bytes; `said` gets `{event}`, `{comment}` and `{retry}` as they are complete. */
export class Parser {
  #text = new TextDecoder(); // strips one leading BOM, replaces what is not UTF-8
  #rest = "";
  #type = "";
  #data = "";
  #id;
  #lastEventId;
  #said;

  constructor(said, lastEventId = "") {
    this.#said = said;
    this.#id = lastEventId;
    this.#lastEventId = lastEventId;
  }

  feed(bytes) {
    this.#rest += this.#text.decode(bytes, { stream: true });
    for (;;) {
      const at = this.#rest.search(/[\r\n]/);
      // A CR at the very end may be half of a CRLF. No event of ours ends so, thus waiting holds nothing back.
      if (at === -1 || (this.#rest[at] === "\r" && at + 1 === this.#rest.length)) return;
      const line = this.#rest.slice(0, at);
      this.#rest = this.#rest.slice(this.#rest.startsWith("\r\n", at) ? at + 2 : at + 1);
      this.#line(line);
    }
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (colon === 0) return this.#said({ comment: value });
    switch (colon === -1 ? line : line.slice(0, colon)) {
      case "event": this.#type = value; break;
      case "data": this.#data += `${value}\n`; break;
      case "id": if (!value.includes("\0")) this.#id = value; break;
      case "retry": if (/^[0-9]+$/.test(value)) this.#said({ retry: Number(value) }); break;
    }
  }

  #dispatch() {
    this.#lastEventId = this.#id;
    const event = { type: this.#type || "message", data: this.#data.replace(/\n$/, ""), id: this.#lastEventId };
    const dispatched = this.#data !== "";
    this.#type = "";
    this.#data = "";
    if (dispatched) this.#said({ event });
  }
}
