// curl, which shows bytes: what they mean is said by the standard's algorithm in ../standard.mjs. With `--with h2` over TLS and
// HTTP/2. It has no reconnection of its own.

import { Response } from "../curl.mjs";
import { aborted, run } from "./protocol.mjs";

// The servers' certificates are made at their start.
const H2 = ["--http2", "--insecure"];

const read = async ({ url, lastEventId, method = "GET", with: version }, tell, signal) => {
  const args = [...(version === "h2" ? H2 : []), "--request", method];
  let isOpen = false;
  const open = ({ head }) => {
    if (isOpen || head === null) return;
    isOpen = true;
    tell({ open: { status: head.status, headers: head.headers } });
  };
  const heard = (item, response) => {
    open(response);
    if (!signal.aborted) tell(item);
  };
  const response = new Response(url, { args, lastEventId, heard });
  const opened = response.until("the head", ({ head, end }) => head !== null || end !== null);
  opened.then(open);
  const ended = response.until("the end", ({ end }) => end !== null);
  await Promise.race([ended, aborted(signal)]);
  if (signal.aborted) {
    tell({ closing: true, at: Date.now() });
    response.leave();
    await ended;
  } else if (!response.end.clean) {
    tell({ error: response.end.why });
  }
};

await run(read);
