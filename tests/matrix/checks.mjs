// What is checked of each client on each adapter.
//
// `at` is where: the client, the URL that it asks (`base`), the URL of the server itself (`server`), and a word (`who`) that stands
// in the query of each request. `noticesByWriting` says why this server notices departures late, if it does.

import { setTimeout as sleep } from "node:timers/promises";

import { ask, ensure, equal, eventually, Proxy, Reader, SECOND, stateOf } from "./harness.mjs";

export const END = "matrix:end";
const OWN = [END, "sse:close", "sse:start", "sse:reset", "sse:retry", "sse:error", "forged", "admin"];

/** Small cases, which are read byte by byte, too. */
const SPLIT = ["bom", "empty-data", "field-lookalikes", "ids-unicode", "mixed-breaks", "nul", "spaces", "unicode"];

/** How late a departure may be noticed. */
const NOTICED = 2 * SECOND;

// ---- Reading ------------------------------------------------------------------------------------------------------------

export class At {
  constructor({ client, base, server, who, types, noticesByWriting }) {
    Object.assign(this, { client, base, server, who, noticesByWriting, types: [...types, ...OWN] });
    this.life = { isOver: false, readings: [] };
  }

  /** The same, by another word, and through another URL if there is one. */
  of(word, base = this.base) {
    return Object.assign(Object.create(At.prototype), this, { who: `${this.who}-${word}`, base });
  }

  url(target) {
    const url = new URL(target, this.base);
    url.searchParams.set("who", this.who);
    return url.href;
  }

  read(target, options = {}) {
    const job = { url: this.url(target), types: this.types, ...this.client.job, ...options };
    ensure(!this.life.isOver, "it is over");
    const reading = Reader.of(this.client).read(job);
    this.life.readings.push(reading);
    return reading;
  }

  /** Ends all that it reads, by whatever word; nothing is read from here on. */
  stop() {
    this.life.isOver = true;
    for (const reading of this.life.readings) reading.stop();
  }

  /**
   * Reads up to the event that ends a stream; a client that does not come back by itself is asked again with the last id. `onEvent`
   * is called with each event.
   */
  async readAll(target, onEvent = () => {}) {
    const events = [];
    let lastEventId;
    let connections = 0;
    do {
      ensure((connections += 1) <= 20, "it does not come to the end");
      const before = events.length;
      const reading = this.read(target, { untilType: END, lastEventId });
      reading.onEvent = (event) => {
        events.push(event);
        onEvent(event);
      };
      await reading.end();
      ensure(!this.client.reconnects || events.at(-1)?.type === END, `it gave up: ${reading.all("error").join("; ")}`);
      ensure(events.length > before, `nothing was read: ${reading.all("error").join("; ")}`);
      lastEventId = events.findLast(({ id }) => id)?.id;
    } while (events.at(-1).type !== END);
    return events;
  }

  state() {
    return stateOf(this.server, this.who);
  }

  tells(what) {
    return this.client.tells.includes(what);
  }
}

const bare = ({ type, data, id }) => ({ type, data, id });

const numbers = (to) => Array.from({ length: to }, (_, index) => String(index + 1));

const counted = (events, to) => {
  equal(events.filter(({ type }) => type === "message").map(({ data }) => data), numbers(to), "numbers");
  equal(events.at(-1).type, END, "the last event");
};

const lastIds = (requests) => requests.map(({ lastEventId }) => lastEventId ?? "");

// ---- Cases --------------------------------------------------------------------------------------------------------------

const readCase = async (at, { name, events: expected }, query = "") => {
  const reading = await at.read(`/case/${name}${query}`, { untilType: END }).end();
  const events = reading.events.map(bare);
  equal(events.at(-1)?.type, END, "the last event");
  const seen = events.slice(0, -1);
  const exception = at.client.exceptions.find((exception) => exception.name === name);
  if (!exception) return compare(seen, expected.map(bare));
  ensure(JSON.stringify(seen) !== JSON.stringify(expected.map(bare)), `the exception is not needed: ${exception.why}`);
  return compare(seen, exception.seen(expected).map(bare));
};

const compare = (seen, expected) => {
  for (const [index, event] of expected.entries()) equal(seen[index], event, `event ${index + 1}`);
  equal(seen.length, expected.length, "events");
};

/** The table, whole and in part byte by byte. */
export const caseChecks = (table) => {
  ensure(table.length > 0, "the table of cases is empty");
  const unknown = SPLIT.filter((name) => !table.some((row) => row.name === name));
  ensure(unknown.length === 0, `what is to be split is no case: ${unknown}`);
  return table.flatMap((row) => [
    { name: `case ${row.name}`, run: (at) => readCase(at, row) },
    ...(SPLIT.includes(row.name) ? [{ name: `case ${row.name}, split`, run: (at) => readCase(at, row, "?split=1") }] : []),
  ]);
};

// ---- Lives --------------------------------------------------------------------------------------------------------------

const resumesBehindEnds = async (at) => {
  counted(await at.readAll("/count?to=15&cut=4&how=end"), 15);
  const { requests } = await at.state();
  equal(lastIds(requests), ["", "4", "8", "12"], "the Last-Event-IDs");
  for (const { version } of requests) equal(version, at.client.version, "the version of HTTP");
};

const isAscending = (ids) => ids.every((id, index) => index === 0 || id >= ids[index - 1]);

const resumesBehindBreaks = async (at) => {
  counted(await at.readAll("/count?to=15&cut=4&how=reset"), 15);
  const ids = lastIds((await at.state()).requests).map(Number);
  // A client that reads late may lose what it had when the connection broke, and ask for it again.
  ensure(ids.length >= 4 && isAscending(ids), `the Last-Event-IDs are ${ids}`);
};

const resumesBehindResets = async (at) => {
  const proxy = await Proxy.start(at.base);
  const through = at.of("through", proxy.url);
  let isOver = false;
  // By what the server sees: what clients tell may come late.
  const cutting = (async () => {
    for (const requests of [1, 2]) {
      await eventually("a request", async () => isOver || (await through.state()).requests.length >= requests);
      await sleep(300);
      proxy.cut();
    }
  })();
  // Awaited below.
  cutting.catch(() => {});
  try {
    counted(await through.readAll("/count?to=250&every=10").finally(() => { isOver = true; }), 250);
    const ids = lastIds((await through.state()).requests).map(Number);
    ensure(ids.length >= 2 && ids.at(-1) > 0 && isAscending(ids), `the Last-Event-IDs are ${ids}`);
    return `resumed behind ${ids.slice(1)}`;
  } finally {
    await cutting;
    proxy.close();
  }
};

const answersPost = async (at) => {
  const reading = await at.read("/count?to=3", { method: "POST", untilType: END }).end();
  counted(reading.events, 3);
  equal((await at.state()).requests.map(({ method }) => method), ["POST"], "methods");
};

/** More than any client waits at least, less than any but fetch-event-source waits by itself. */
const RETRY = 900;

const honoursRetry = async (at) => {
  const reading = at.read(`/retry?ms=${RETRY}`);
  if (at.tells("retry")) await reading.until("the time", () => reading.all("retry").includes(RETRY));
  if (at.client.reconnects) {
    // Each stream ends at once. Its end may be noted late, its request comes before all that the client sees of it.
    const gaps = async () => {
      const { requests } = await at.state();
      return requests.slice(1).map((request, index) => request.at - requests[index].at);
    };
    // Sooner than any client comes back by itself. On a busy machine some are late, hardly all.
    const isSoon = (gap) => gap < 2.5 * SECOND;
    await eventually("three more requests, one of them soon", async () => {
      ensure(!reading.isOver, `it gave up: ${reading.all("error").join("; ")}`);
      const seen = await gaps();
      return seen.length >= 8 || (seen.length >= 3 && seen.some(isSoon));
    });
    reading.stop();
    const { requests } = await at.state();
    const seen = await gaps();
    // Timers of clients may be early by a little.
    ensure(Math.min(...seen) > RETRY - 30 && seen.some(isSoon), `back after ${seen} ms`);
    equal(lastIds(requests)[1], "1", "the Last-Event-ID");
  }
  await reading.end();
};

const opensFirst = async (at) => {
  const after = 1_500;
  // The heartbeat is for servers that notice departures by writing.
  const reading = at.read(`/quiet?heartbeat=${2 * after}&after=${after}`, { until: 1 });
  await reading.end();
  const [opened, event] = ["open", "event"].map((kind) => reading.lines.find((line) => kind in line)?.at);
  ensure(event - opened > after / 3, `it opened ${event - opened} ms before the event`);
};

const IDLE = 3 * SECOND;

const beats = async (at) => {
  const proxy = await Proxy.start(at.base, { idle: IDLE });
  try {
    const through = at.of("through", proxy.url);
    const reading = through.read("/quiet?heartbeat=1000");
    await reading.until("the event", ({ events }) => events.length === 1);
    await sleep(1.5 * IDLE);
    equal(reading.events.map(bare), [{ type: "message", data: "quiet", id: "1" }], "events");
    equal(reading.all("error"), [], "errors");
    equal((await through.state()).requests.length, 1, "requests");
    if (at.tells("comment")) ensure(reading.all("comment").filter((text) => text === "heartbeat").length >= 2, "heartbeats are not seen");
    reading.stop();
    await reading.end();
  } finally {
    proxy.close();
  }
};

const CLOSED = [...numbers(3).map((id) => ({ type: "message", data: id, id })), { type: "sse:close", data: "source-ended", id: "3" }];

const hearsTheClose = async (at) => {
  const reading = await at.read("/close", { untilType: "sse:close" }).end();
  equal(reading.events.map(({ type, data }) => [type, data]), CLOSED.map(({ type, data }) => [type, data]), "events");
  // The stream asks to be back after 200 ms.
  await sleep(SECOND);
  equal((await at.state()).requests.length, 1, "requests");
};

const isSentAway = async (at) => {
  const reading = await at.read("/close").end();
  equal(reading.events.map(({ type, data }) => [type, data]), CLOSED.map(({ type, data }) => [type, data]), "events");
  if (!at.client.reconnects) {
    const again = await at.read("/close", { lastEventId: "3" }).end();
    equal(again.all("open").map(({ status }) => status), [204], "status");
  }
  await sleep(SECOND);
  equal(lastIds((await at.state()).requests), ["", "3"], "the Last-Event-IDs");
};

const staysAway = async (at) => {
  const reading = await at.read("/gone").end();
  equal(reading.events, [], "events");
  const status = `status (${reading.all("error").join("; ")})`;
  if (at.tells("status")) equal(reading.all("open").map(({ status }) => status), [204], status);
  await sleep(SECOND);
  equal((await at.state()).requests.length, 1, "requests");
};

const publish = async (at, topic, text) => (await ask(at.server, `/topic/${topic}`, { method: "POST", body: text })).text();

const followsATopic = async (at) => {
  const proxy = await Proxy.start(at.base);
  const through = at.of("through", proxy.url);
  const topic = through.who;
  try {
    const published = [];
    const say = async (count) => {
      for (let index = 0; index < count; index += 1) {
        const data = `message ${published.length + 1}\r\nof ${topic}`;
        published.push({ type: "message", data: data.replace("\r\n", "\n"), id: await publish(at, topic, data) });
      }
    };
    const messages = [];
    const readOn = async (reading) => {
      const heard = () => [...messages, ...reading.events.filter(({ type }) => type !== "sse:start").map(bare)];
      await reading.until(`${published.length} messages`, () => heard().length >= published.length);
      return heard();
    };
    let reading = through.read(`/topic/${topic}`);
    await reading.until("the start", ({ events }) => events[0]?.type === "sse:start");
    await say(3);
    messages.push(...await readOn(reading));
    equal(messages, published, "messages");
    proxy.cut();
    await say(3);
    if (at.client.reconnects) {
      messages.length = 0;
    } else {
      await reading.end();
      reading = through.read(`/topic/${topic}`, { lastEventId: messages.at(-1).id });
    }
    equal(await readOn(reading), published, "messages behind the cut");
    reading.stop();
    await reading.end();
    equal(lastIds((await through.state()).requests)[1], published[2].id, "the Last-Event-ID");
  } finally {
    proxy.close();
  }
};

/** How long after the client closed a stream the server noticed. */
const noticed = async (at, heartbeat) => {
  const reading = at.read(`/quiet?heartbeat=${heartbeat}`);
  await reading.until("the event", ({ events }) => events.length === 1);
  reading.stop();
  await reading.end();
  const [closing] = reading.lines.filter((line) => line.closing);
  ensure(closing, `no word of closing: ${JSON.stringify(reading.lines)}`);
  const left = await eventually("the departure", async () => (await at.state()).departures[0]);
  equal(left.reason, "peer-gone", "reason");
  return left.at - closing.at;
};

const leaves = async (at) => {
  if (at.noticesByWriting) {
    const took = [];
    // One that leaves late, as on a busy machine, may do so right before a heartbeat; hardly each of them.
    for (let round = 0; round < 5; round += 1) {
      took.push(await noticed(at.of(round), 2_000));
      if (took.at(-1) > SECOND / 2) return `${took.map(Math.round)} ms, with heartbeats of 2 s`;
    }
    throw new Error(`the exception is not needed: ${at.noticesByWriting}; ${took.map(Math.round)} ms`);
  }
  const took = [];
  // Without heartbeats, no write can fail and give it away.
  for (const round of [0, 1, 2, 3, 4]) took.push(await noticed(at.of(round), 0));
  const median = took.sort((one, other) => one - other)[2];
  ensure(median < NOTICED, `a median of ${median} ms`);
  at.client.noticed = [...(at.client.noticed ?? []), median];
  return `${median.toFixed(1)} ms`;
};

const sharesAConnection = async (at) => {
  const proxy = await Proxy.start(at.base);
  try {
    // A browser may try several connections before it knows that one will do.
    const first = await at.of("first", proxy.url).read("/gone").end();
    equal(first.events, [], "events");
    const connections = proxy.connections;
    const here = at.of("through", proxy.url);
    const readings = Array.from({ length: 10 }, () => here.read("/quiet?heartbeat=1000"));
    for (const reading of readings) await reading.until("the event", ({ events }) => events.length === 1);
    const { requests, departures } = await here.state();
    equal([requests.length, departures.length], [10, 0], "requests and departures");
    equal(proxy.connections - connections, 0, "more connections");
    for (const reading of readings) reading.stop();
    for (const reading of readings) await reading.end();
    await eventually("all departures", async () => (await here.state()).departures.length === 10);
  } finally {
    proxy.close();
  }
};

/** What is checked besides the table; `is` tells for which clients. */
export const LIVES = [
  { name: "resumes behind clean ends", run: resumesBehindEnds },
  { name: "resumes behind broken bodies", run: resumesBehindBreaks },
  { name: "resumes behind resets", run: resumesBehindResets },
  { name: "honours retry", run: honoursRetry },
  { name: "opens before there is an event", run: opensFirst },
  { name: "heartbeats are not seen and keep it alive", run: beats },
  { name: "hears the close event", run: hearsTheClose },
  { name: "is sent away when it comes back", run: isSentAway },
  { name: "stays away after 204", run: staysAway },
  { name: "follows a topic over a cut", run: followsATopic },
  { name: "leaves, and is noticed", run: leaves },
  { name: "reads what a POST answers", run: answersPost, is: ({ tells }) => tells.includes("post") },
  {
    name: "ten streams on one connection",
    run: sharesAConnection,
    is: ({ version, sharesConnections = true }) => version === "HTTP/2.0" && sharesConnections,
  },
];
