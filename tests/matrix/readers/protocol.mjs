// What every reader speaks, so that adding a client is adding a reader.
//
//   reader URL [--until N] [--until-type NAME] [--for MS] [--types A,B] [--last-event-id ID] [--method POST]
//   reader --serve
//
// The first reads one stream and ends; --until closes it behind N events, --until-type behind one of that name, --for after that
// time, and SIGTERM at once. --types are the names of events to listen to, for clients that hear no others.
// The second takes such jobs from stdin, a line of JSON each, any number at a time, and ends with it:
//
//   {"job":1,"url":"…","until":3,"untilType":"…","for":500,"types":["…"],"lastEventId":"…","method":"POST"}
//   {"job":1,"stop":true}
//
// Either prints a line of JSON for whatever the client tells, with the time ("at", milliseconds since 1970) and the job, if there is
// one:
//
//   {"open":{"status":200}}                                 a response was accepted; status and headers where the client tells
//   {"event":{"type":"message","data":"…","id":"…"}}        the id is the one that the client gives with the event
//   {"comment":"…"}   {"retry":700}                         where the client tells
//   {"error":"…"}                                           a failure; the client may come back by itself
//   {"closing":true}                                        the reader closes the stream now
//   {"end":true}                                            the last line of a job: the client does not come back

import readline from "node:readline";
import { parseArgs } from "node:util";

const OPTIONS = {
  serve: { type: "boolean" },
  until: { type: "string" },
  "until-type": { type: "string" },
  for: { type: "string" },
  types: { type: "string" },
  "last-event-id": { type: "string" },
  method: { type: "string" },
  with: { type: "string" },
};

/**
 * Runs a reader. `read(job, tell, signal)` reads until the stream is over for good or the signal aborts; it tells what the client
 * tells, and `{ closing: true }` right before it closes. `finish` runs before the process ends.
 */
export const run = async (read, finish = async () => {}) => {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.serve) {
    await serve(read);
  } else {
    const controller = new AbortController();
    process.once("SIGTERM", () => controller.abort());
    const job = {
      url: positionals[0],
      until: values.until && Number(values.until),
      untilType: values["until-type"],
      for: values.for && Number(values.for),
      types: values.types?.split(",") ?? [],
      lastEventId: values["last-event-id"],
      method: values.method,
      with: values.with,
    };
    await one(read, job, undefined, controller);
  }
  await finish();
  // Clients may hold connections open.
  process.exit(0);
};

const serve = async (read) => {
  const stops = new Map();
  const running = new Set();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { job, stop, ...options } = JSON.parse(line);
    if (stop) {
      stops.get(job)?.abort();
      continue;
    }
    const controller = new AbortController();
    stops.set(job, controller);
    const reading = one(read, options, job, controller).finally(() => {
      stops.delete(job);
      running.delete(reading);
    });
    running.add(reading);
  }
  for (const controller of stops.values()) controller.abort();
  await Promise.all(running);
};

const one = async (read, options, job, controller) => {
  let events = 0;
  const say = (line) => process.stdout.write(`${JSON.stringify({ job, at: Date.now(), ...line })}\n`);
  const tell = (line) => {
    say(line);
    if (!line.event) return;
    events += 1;
    if (events === options.until || line.event.type === options.untilType) controller.abort();
  };
  const timer = options.for ? setTimeout(() => controller.abort(), options.for) : undefined;
  try {
    await read(options, tell, controller.signal);
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
  clearTimeout(timer);
  say({ end: true });
};

/** Waits for the signal; gives `false`. */
export const aborted = (signal) => new Promise((resolve) => {
  if (signal.aborted) resolve(false);
  signal.addEventListener("abort", () => resolve(false), { once: true });
});

/** Reads with anything that has the interface of the browser's `EventSource`. */
export const readWith = (EventSource, init, openOf = () => ({})) => async ({ url, types = [] }, tell, signal) => {
  const source = new EventSource(url, init);
  const over = new Promise((resolve) => {
    source.onopen = () => tell({ open: openOf() });
    source.onerror = (event) => {
      // An event of that name has data; a failure has none.
      if (event.data !== undefined && event.data !== null) return;
      tell({ error: String(event.message || event.code || "error") });
      if (source.readyState === 2) resolve();
    };
    for (const type of new Set(["message", ...types])) {
      source.addEventListener(type, ({ type, data, lastEventId }) => {
        if (data !== undefined && data !== null) tell({ event: { type, data, id: lastEventId } });
      });
    }
  });
  await Promise.race([over, aborted(signal)]);
  if (source.readyState !== 2) tell({ closing: true, at: Date.now() });
  source.close();
};
