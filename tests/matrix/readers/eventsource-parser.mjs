// npm eventsource-parser over Node's fetch. It has no reconnection of its own.

import { createParser } from "eventsource-parser";

import { aborted, run } from "./protocol.mjs";

// Of a connection that was kept and that the server closed while the request was on its way: the second try is left to programs.
const BROKEN = ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"];

const read = async ({ url, lastEventId, method = "GET" }, tell, signal) => {
  const headers = { accept: "text/event-stream" };
  // Bytes: fetch takes headers as Latin-1.
  if (lastEventId) headers["last-event-id"] = Buffer.from(lastEventId).toString("latin1");
  const closing = new AbortController();
  const reading = (async () => {
    const ask = () => fetch(url, { method, headers, signal: closing.signal });
    const response = await ask().catch((error) => {
      if (!BROKEN.includes(error.cause?.code)) throw error;
      return ask();
    });
    tell({ open: { status: response.status, headers: Object.fromEntries(response.headers) } });
    if (response.status !== 200) return;
    const parser = createParser({
      onEvent: ({ event = "message", data, id = "" }) => tell({ event: { type: event, data, id } }),
      onComment: (comment) => tell({ comment }),
      onRetry: (retry) => tell({ retry }),
      onError: (error) => tell({ error: `${error.type}: ${error.message}` }),
    });
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) parser.feed(text);
  })();
  await Promise.race([reading, aborted(signal)]);
  if (!signal.aborted) return;
  tell({ closing: true, at: Date.now() });
  reading.catch(() => {});
  closing.abort();
};

await run(read);
