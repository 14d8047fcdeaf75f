// The matrix's server on each adapter, behind real proxies, read by curl.
//
//   node proxies.mjs [--adapter NAME]... [--proxy NAME]... [--deep]
//
// nginx, HAProxy and Caddy run as ordinary processes with the configurations of proxies/*.mjs. `--deep` adds what takes
// minutes: the default time-outs, with the default heartbeat. The server's program is that of `cargo build -p sse-matrix`, or
// SSE_MATRIX.

import fs from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import { check, eachOf, ensure, equal, SECOND, summarise } from "../browser/harness.mjs";
import { ALONE, Response } from "./curl.mjs";
import { allow } from "./options.mjs";
import { spawnOwned } from "./owned.mjs";
import * as caddy from "./proxies/caddy.mjs";
import * as haproxy from "./proxies/haproxy.mjs";
import * as nginx from "./proxies/nginx.mjs";
import { makeDirectory, startProxy, versionOf } from "./proxies/process.mjs";
import { build, Server } from "./proxies/server.mjs";
import { WAIT } from "./proxies/wait.mjs";

const numbered = (count) => Array.from({ length: count }, (_, index) => index + 1);

/** Only a failed check takes so long. Less than the 15 s after which a heartbeat would push on what was held back. */
const PATIENCE = 10 * SECOND;
/** How long a control looks at a stream that is held back. */
const HELD_FOR = SECOND / 2;
/** The limit of each proxy that is called impatient. */
const IMPATIENCE = 4 * SECOND;
const HEARTBEAT = SECOND;
const EVENTS = 5;
/** More than proxies want before they compress. */
const REPLAYED = numbered(100).map((number) => `an event that a client missed: ${number}`);
/** Before the server is killed, and again behind that. */
const COUNTED = 15;
/** Byte by byte, these would take longer than they tell. */
const LARGE = /^(mib-|thousand)/;

const ADAPTERS = ["hyper", "axum", "actix"];
const PROXIES = [nginx, haproxy, caddy];

const { values: options } = parseArgs({
  options: {
    adapter: { type: "string", multiple: true, default: ADAPTERS },
    proxy: { type: "string", multiple: true, default: PROXIES.map(({ name }) => name) },
    deep: { type: "boolean", default: false },
  },
});

allow(options, "adapter", ADAPTERS);
allow(options, "proxy", PROXIES.map(({ name }) => name));

// ---- Asking --------------------------------------------------------------------------------------------------------

const argsFor = ({ args, compressed }) => (compressed === undefined ? args : [...args, "--compressed"]);

const ask = (front, target, { args = [], ...rest } = {}) =>
  new Response(front.url + target, { ...rest, args: [...argsFor(front), ...args] });

const ended = (response) => response.until("the end", ({ end }) => end !== null, PATIENCE);

/** A stream whose first byte is here. */
const opened = async (front, target, options) => {
  const response = ask(front, target, options);
  try {
    await response.until("the head and the first byte", ({ head, body }) => head !== null && body.length > 0, PATIENCE);
    expectStream(front, response);
    return response;
  } catch (error) {
    response.leave();
    throw error;
  }
};

const expectStream = ({ encoding, tls }, { head: { status, version, headers } }) => {
  equal(status, 200, "status");
  equal(headers["content-type"], "text/event-stream", "content-type");
  equal(version, tls ? "2" : "1.1", "HTTP version");
  equal(headers["content-encoding"], encoding, "content-encoding");
};

let topics = 0;
const newTopic = () => `topic-${topics += 1}`;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// ---- Each event at once --------------------------------------------------------------------------------------------

/**
 * An event is published only when the one before has arrived, and the first only when the stream is open: who holds
 * anything back holds up the test.
 */
const eventsAtOnce = async (server, front) => {
  const topic = newTopic();
  const response = await opened(front, `/topic/${topic}`);
  try {
    return `${await shakeHands(server, topic, response, [])} ms each`;
  } finally {
    response.leave();
  }
};

/** The topic is silent, unless heartbeats are what the proxy needs. */
const leavingIsNoticed = async (server, front) => {
  const topic = newTopic();
  const target = front.leaving ? `/quiet?heartbeat=${HEARTBEAT}&for=${topic}` : `/topic/${topic}`;
  const response = await opened(front, target);
  const left = Date.now();
  response.leave();
  return departed(server, target, left);
};

/** The same behind a first piece that is large, and full of repetitions. */
const eventsAtOnceAfterReplay = async (server, front) => {
  const topic = newTopic();
  const lastEventId = await server.publish(topic, "seen before");
  for (const text of REPLAYED) await server.publish(topic, text);
  const response = await opened(front, `/topic/${topic}`, { lastEventId });
  try {
    await response.until("the replay", ({ messages }) => messages.length >= REPLAYED.length, PATIENCE);
    await shakeHands(server, topic, response, REPLAYED);
  } finally {
    response.leave();
  }
};

/** The milliseconds between publishing and arriving, for most of the events. */
const shakeHands = async (server, topic, response, before) => {
  const expected = [...before];
  const took = [];
  for (const number of numbered(EVENTS)) {
    equal(response.messages.join(), expected.join(), "events so far");
    expected.push(`event ${number}`);
    const published = Date.now();
    await server.publish(topic, expected.at(-1));
    const what = `event ${number}, while no other is published`;
    await response.until(what, ({ messages }) => messages.length >= expected.length, PATIENCE);
    took.push(Date.now() - published);
  }
  equal(response.messages.join(), expected.join(), "events");
  return took.sort((one, other) => one - other)[Math.floor(took.length / 2)];
};

/** Waits until the server notices that the client of `target` left; how long after `left` that was. */
const departed = async (server, target, left) => {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    const { departures } = await server.state();
    const departure = departures.find(({ path, query }) => (query === "" ? path : `${path}?${query}`) === target);
    if (departure) {
      equal(departure.reason, "peer-gone", "reason");
      return `${Math.max(0, Math.round(departure.at - left))} ms`;
    }
    await sleep(10);
  }
  throw new Error(`not within ${PATIENCE / SECOND} s: the server notices that the client left`);
};

/** The control of `eventsAtOnce`: here the same steps have to get stuck. Returns the stream, which is still held. */
const heldBack = async (server, front) => {
  const topic = newTopic();
  const { open } = await server.state();
  const held = ask(front, `/topic/${topic}`);
  const direct = new Response(`${server.url}/topic/${topic}`);
  await opensOnServer(server, open + 2);
  await server.publish(topic, "held back");
  await direct.until("the event, without a proxy", ({ messages }) => messages.length === 1, PATIENCE);
  await sleep(HELD_FOR);
  equal(held.messages.length, 0, "events that came through although nothing switches buffering off");
  return { front, held, direct };
};

const opensOnServer = async (server, count) => {
  const deadline = Date.now() + PATIENCE;
  let open = null;
  while (Date.now() < deadline) {
    ({ open } = await server.state());
    if (open === count) return;
    await sleep(10);
  }
  throw new Error(`not within ${PATIENCE / SECOND} s: ${count} open streams on the server; there are ${open}`);
};

// ---- Bytes ---------------------------------------------------------------------------------------------------------

/** All cases with one curl, over as few connections as the proxy allows; the bodies by name. */
const readCases = async (url, args, targets, directory) => {
  await fs.mkdir(directory, { recursive: true });
  const files = targets.map((_, index) => path.join(directory, String(index)));
  const config = targets.map((target, index) => `url = "${url}${target}"\noutput = "${files[index]}"\n`).join("");
  const curl = spawnOwned("curl", [...ALONE, "-sS", "--fail", "--max-time", "60", ...args, "--config", "-"]);
  let why = "";
  curl.stderr.on("data", (text) => { why += text; });
  const done = new Promise((resolve, reject) => {
    curl.once("error", reject);
    curl.once("close", resolve);
  });
  curl.stdin.end(config);
  const code = await done;
  ensure(code === 0, `curl ended with ${code}: ${why}`);
  return Promise.all(files.map((file) => fs.readFile(file)));
};

const bytesAreTheSame = async (front, targets, expected, directory) => {
  const got = await readCases(front.url, argsFor(front), targets, path.join(directory, front.name.replaceAll(/\W+/g, "-")));
  const wrong = targets.filter((_, index) => !got[index].equals(expected[index]));
  equal(wrong.join(" "), "", "streams with other bytes than without a proxy");
  return `${targets.length} streams, ${got.reduce((sum, { length }) => sum + length, 0)} bytes`;
};

// ---- Silence -------------------------------------------------------------------------------------------------------

/** With heartbeats a silent stream lives beyond the proxy's limit; each proves so much time. */
const heartbeatsKeep = async (front, heartbeat, limit) => {
  const response = await opened(front, `/quiet?heartbeat=${heartbeat}`);
  // The first comment is the one at the start.
  const beats = Math.ceil((1.5 * limit) / heartbeat) + 1;
  const heard = ({ items }) => items.filter(({ comment }) => comment === "heartbeat").length;
  try {
    await response.until(`${beats} heartbeats`, (so_far) => heard(so_far) >= beats || so_far.end !== null, PATIENCE + 2 * limit);
    equal(response.end, null, "the end of a stream with heartbeats");
  } finally {
    response.leave();
  }
  return `${beats} heartbeats, one each ${heartbeat} ms`;
};

/** The control: without them the proxy cuts it. */
const silenceIsCut = async (front, limit) => {
  const from = Date.now();
  const response = await opened(front, "/quiet?heartbeat=0");
  await response.until("the cut of a silent stream", ({ end }) => end !== null, PATIENCE + 2 * limit);
  const took = Date.now() - from;
  ensure(took >= 0.9 * limit, `it ended after ${took} ms, and the limit is ${limit} ms: ${response.end.why}`);
  return `after ${(took / SECOND).toFixed(1)} s, ${response.end.clean ? "as a clean end" : response.end.why}`;
};

// ---- Death and return ----------------------------------------------------------------------------------------------

/** Reads numbers as an application with a loop does, again with the last id, until it has as many as its `goal`. */
class Counting {
  numbers = [];
  refusals = new Set();
  connections = 0;
  goal = Infinity;
  #front;
  #lastEventId = "";
  #middle = resolvers();

  constructor(front) {
    this.#front = front;
    this.done = this.#run();
    this.done.catch(() => {}).finally(this.#middle.resolve);
  }

  /** Ready when it is well under way, or has failed. */
  get middle() { return this.#middle.promise; }

  async #run() {
    const deadline = Date.now() + 6 * PATIENCE;
    while (this.numbers.length < this.goal) {
      ensure(Date.now() < deadline, `not within ${6 * PATIENCE / SECOND} s: all numbers; there were ${this.numbers.length}`);
      this.connections += 1;
      const response = ask(this.#front, "/count?to=1000000&every=20", {
        lastEventId: this.#lastEventId,
        heard: (item, response) => this.#hear(item, response),
      });
      await response.until("the end", ({ end }) => end !== null, 6 * PATIENCE);
      this.#judge(response.head?.status ?? 200);
      await sleep(100);
    }
  }

  #hear({ event }, response) {
    if (event?.type !== "message" || this.numbers.length >= this.goal) return;
    this.numbers.push(event.data);
    this.#lastEventId = event.id;
    if (this.numbers.length >= COUNTED) this.#middle.resolve();
    if (this.numbers.length >= this.goal) response.leave();
  }

  #judge(status) {
    if (status === 200) return;
    ensure(this.#front.front !== "patient", `status ${status}: an EventSource would stop for good`);
    this.refusals.add(status);
  }
}

/** All fronts count; in the middle the server is killed, and comes back on its port. */
const killAndReturn = async (server, fronts, name) => {
  const clients = fronts.map((front) => new Counting(front));
  await Promise.all(clients.map(({ middle }) => middle));
  await server.kill();
  await sleep(SECOND / 2); // so that some ask while nobody is there
  await server.restart();
  for (const client of clients) client.goal = client.numbers.length + COUNTED;
  for (const [index, front] of fronts.entries()) {
    const what = front.front === "patient" ? "an EventSource resumes, as nothing stops it" : "a client that asks again resumes";
    await check(`${name}: ${front.name}: the server is killed and returns: ${what}, exactly once`, async () => {
      const { done, numbers, refusals, goal, connections } = clients[index];
      await done;
      equal(numbers.join(), numbered(goal).join(), "numbers");
      ensure(connections > 1, "it was not interrupted");
      return `${connections} connections${refusals.size > 0 ? `, refused with ${[...refusals].join()}` : ""}`;
    });
  }
};

const resolvers = () => {
  const made = {};
  made.promise = new Promise((resolve) => { made.resolve = resolve; });
  return made;
};

/** SIGTERM with open streams: the ends are clean, and what was held back comes. */
const terminate = async (server, fronts, controls, name) => {
  const streams = await Promise.all(fronts.map((front) => opened(front, "/topic/termination")));
  await check(`${name}: SIGTERM: the server exits by itself, with open streams behind all proxies`, async () => {
    const { how, took } = await server.terminate();
    equal(how, 0, "exit code");
    return `${streams.length + 2 * controls.length} streams, ${took} ms`;
  });
  for (const [index, front] of fronts.entries()) {
    await check(`${name}: ${front.name}: SIGTERM: the stream ends cleanly`, async () => {
      const { end } = await ended(streams[index]);
      ensure(end.clean, end.why);
    });
  }
  // HAProxy tries for some seconds.
  const waiting = fronts.filter(({ front }) => front === "patient").map((front) => [front, ended(ask(front, "/topic/x"))]);
  for (const [front, answer] of waiting) {
    answer.catch(() => {});
    await check(`${name}: ${front.name}: without a server: an EventSource is told to ask again`, async () => {
      const { head, body } = await answer;
      equal(head?.status, 200, "status");
      equal(head.headers["content-type"], "text/event-stream", "content-type");
      equal(body.toString(), WAIT, "what the stream says");
    });
  }
  for (const { front, held } of controls) {
    await check(`${name}: ${front.name}: what was held back was not lost (control)`, async () => {
      const { end, messages } = await ended(held);
      ensure(end.clean, end.why);
      equal(messages.join(), "held back", "events");
    });
  }
};

// ---- Driving -------------------------------------------------------------------------------------------------------

/** Heads and statuses. */
const headAndGone = async (front) => {
  const head = await ended(ask(front, `/topic/${newTopic()}`, { args: ["--head"] }));
  ensure(head.end.clean, head.end.why);
  equal(head.head.status, 200, "status of HEAD");
  equal(head.head.headers["content-type"], "text/event-stream", "content-type of HEAD");
  const gone = await ended(ask(front, "/gone"));
  ensure(gone.end.clean, gone.end.why);
  equal(gone.head.status, 204, "status of /gone");
  equal(gone.body.length, 0, "bytes of /gone");
};

const quick = async (server, fronts, name, directory) => {
  const cases = (await server.cases()).map((row) => row.name);
  ensure(cases.length > 0, "the table of cases is empty");
  const targets = [
    ...cases.map((row) => `/case/${row}`),
    ...cases.filter((row) => !LARGE.test(row)).map((row) => `/case/${row}?split=1`),
  ];
  const expected = await readCases(server.url, [], targets, path.join(directory, "direct"));
  for (const front of fronts) {
    await check(`${name}: ${front.name}: head, first byte and each event at once`, () => eventsAtOnce(server, front));
    const leaving = `the server notices ${front.leaving ?? "in silence"} that the client left`;
    await check(`${name}: ${front.name}: ${leaving}`, () => leavingIsNoticed(server, front));
    await check(`${name}: ${front.name}: a replay, and each event behind it at once`, () =>
      eventsAtOnceAfterReplay(server, front));
    await check(`${name}: ${front.name}: hostile streams are the same, byte for byte`, () =>
      bytesAreTheSame(front, targets, expected, directory));
    await check(`${name}: ${front.name}: HEAD and 204`, () => headAndGone(front));
  }
};

const silence = (fronts, name, limit, heartbeat) => fronts.flatMap((front) => [
  check(`${name}: ${front.name}: heartbeats keep a silent stream`, () => heartbeatsKeep(front, heartbeat, limit)),
  check(`${name}: ${front.name}: without heartbeats it is cut (control)`, () => silenceIsCut(front, limit)),
]);

const drive = async (program, adapter, proxies, place) => {
  const server = await Server.start(program, adapter);
  const name = `sse-${adapter}`;
  const starts = proxies.map((proxy) => startProxy(proxy, place, server.port));
  try {
    const running = await Promise.all(starts);
    // sse-actix says `identity`, which keeps all of them from compressing.
    const { head } = await ended(new Response(`${server.url}/count?to=1`));
    const said = head.headers["content-encoding"];
    const all = running.flatMap(({ fronts }) => fronts);
    for (const front of all) front.encoding = said ?? (front.compressed ? "gzip" : undefined);
    const fronts = all.filter(({ held, front }) => !held && !front.startsWith("impatient"));
    const silent = silence(all.filter(({ front }) => front.startsWith("impatient")), name, IMPATIENCE, HEARTBEAT);
    await quick(server, fronts, name, path.join(place.directory, adapter));
    await Promise.all(silent);
    // Caddy has no limit of its own.
    const asTheyCome = all.filter(({ proxy, front }) => proxy !== "caddy" && ["default", "http/1.0"].includes(front));
    if (options.deep) await Promise.all(silence(asTheyCome, name, 60 * SECOND, 15 * SECOND));
    await killAndReturn(server, fronts, name);
    await check(`${name}: no stream is left open on the server`, () => opensOnServer(server, 0));
    const controls = [];
    // A compressor that is kept out holds nothing.
    const holding = ({ held, compressed, encoding }) => held && (!compressed || encoding === "gzip");
    for (const front of all.filter(holding)) {
      await check(`${name}: ${front.name}: events are held back (control)`, async () => {
        controls.push(await heldBack(server, front));
      });
    }
    await terminate(server, fronts, controls, name);
  } finally {
    await server.kill();
    // What did start, though another did not.
    const started = (await Promise.allSettled(starts)).filter(({ status }) => status === "fulfilled");
    await Promise.all(started.map(({ value }) => value.stop()));
  }
};

const proxies = PROXIES.filter((proxy) => options.proxy.includes(proxy.name));
for (const proxy of proxies) console.log(`${proxy.name} ${await versionOf(proxy)}`);
const program = process.env.SSE_MATRIX ?? await build();
const place = await makeDirectory();
// At the same time: most of it is waiting.
await Promise.all(options.adapter.map((adapter) => eachOf([adapter], () => drive(program, adapter, proxies, place))));
summarise();
// Whatever still runs is no reason to wait.
process.exit();
