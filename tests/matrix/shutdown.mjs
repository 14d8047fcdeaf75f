// What is checked of the servers themselves: HEAD, idle proxies, and SIGTERM with every client reading.

import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { once } from "node:events";

import { ask, ensure, equal, eventually, Proxy, SECOND, Server, within } from "./harness.mjs";
import { At } from "./checks.mjs";
import { freePort } from "./proxies/process.mjs";

const EXITS = 5 * SECOND;
/** What a client has read before its server ends, and reads at the second one. */
const READ = 50;
const ATTEMPTS = 3;
/** None comes to the end of it. */
const ENDLESS = "/count?to=1000000&every=10";

// ---- Without a client -----------------------------------------------------------------------------------------------------

const insecure = { rejectUnauthorized: false };

const http1 = (url, options) => {
  const { request } = url.startsWith("https") ? https : http;
  return request(url, { ...insecure, ...options });
};

const STREAMS = ["/case/plain", "/count?to=3", "/quiet", "/retry", "/close", "/topic/head"];

/** HEAD over HTTP/1.1: the head of a stream, and no stream. */
const head = async ({ url }) => {
  for (const target of STREAMS) {
    const request = http1(new URL(target, url).href, { method: "HEAD", agent: false }).end();
    const [response] = await within(EXITS, target, once(request, "response"));
    equal([response.statusCode, response.headers["content-type"]], [200, "text/event-stream"], target);
    equal(response.headers["x-accel-buffering"], "no", target);
    equal((await response.toArray()).length, 0, `chunks of ${target}`);
  }
  await noneIsOpen({ url });
};

/** HEAD over HTTP/2: the stream ends with its head. */
const head2 = async ({ url }) => {
  const session = http2.connect(url, insecure);
  try {
    for (const target of STREAMS) {
      const stream = session.request({ ":method": "HEAD", ":path": target }).end();
      const [headers] = await within(EXITS, target, once(stream, "response"));
      equal([headers[":status"], headers["content-type"]], [200, "text/event-stream"], target);
      equal((await within(EXITS, `the end of ${target}`, stream.toArray())).length, 0, `chunks of ${target}`);
    }
  } finally {
    session.destroy();
  }
  await noneIsOpen({ url });
};

/** The cases that are split are read so: each byte is a chunk of its own, and all of them together are what is sent whole. */
const isSplit = async ({ url }) => {
  const read = async (target) => {
    const { hostname, port, pathname, search } = new URL(target, url);
    const socket = net.connect(Number(port), hostname);
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: matrix\r\nconnection: close\r\n\r\n`);
    const text = Buffer.concat(await within(EXITS, target, socket.toArray())).toString("latin1");
    const chunks = [];
    for (let rest = text.slice(text.indexOf("\r\n\r\n") + 4); ;) {
      const [size] = rest.split("\r\n", 1);
      const length = parseInt(size, 16);
      ensure(length >= 0, `a chunk of ${size}`);
      if (length === 0) return chunks;
      chunks.push(rest.slice(size.length + 2, size.length + 2 + length));
      rest = rest.slice(size.length + 4 + length);
    }
  };
  const [whole, split] = [await read("/case/unicode"), await read("/case/unicode?split=1")];
  equal(split.join(""), whole.join(""), "the bytes");
  equal(split.length, whole.join("").length, "chunks");
  return `${split.length} chunks instead of ${whole.length}`;
};

/** The check of the heartbeats could not fail if this did not happen. */
const idleIsCut = async ({ url }) => {
  const proxy = await Proxy.start(url, { idle: SECOND });
  try {
    const request = http1(new URL("/quiet?heartbeat=0", proxy.url).href, { agent: false }).end();
    const [response] = await within(EXITS, "a response", once(request, "response"));
    // Cut off, which is an error.
    await within(EXITS, "the cut", once(response.resume(), "error"));
    equal(proxy.timeouts, 1, "connections that were idle for too long");
  } finally {
    proxy.close();
  }
};

const noneIsOpen = async ({ url }) => {
  await eventually("no open stream", async () => (await (await ask(url, "/state")).json()).open === 0);
};

/** Checks of a server that runs. */
export const SERVER = [
  { name: "HEAD over HTTP/1.1", run: head },
  { name: "HEAD over HTTP/2", run: head2, is: (scheme) => scheme === "https" },
  { name: "a split case is sent byte by byte", run: isSplit, is: (scheme) => scheme === "http" },
  { name: "an idle stream without heartbeats is cut by a proxy", run: idleIsCut },
];

/** Behind all clients. */
export const LAST = [{ name: "no stream is left open", run: noneIsOpen }];

// ---- SIGTERM ----------------------------------------------------------------------------------------------------------------

/** Connections that are kept open behind their stream, as those of clients that would come back on them. */
const keepConnections = async (url) => {
  const closed = [];
  const agent = new (url.startsWith("https") ? https : http).Agent({ keepAlive: true, ...insecure });
  const request = http1(new URL("/quiet?heartbeat=0", url).href, { agent }).end();
  const [response] = await once(request, "response");
  const ended = once(response.resume(), "close").then(() => ensure(response.complete, "the body of HTTP/1.1 has no end"));
  closed.push(Promise.all([ended, once(response.socket, "close")]));
  if (url.startsWith("https")) {
    const session = http2.connect(url, insecure);
    const stream = session.request({ ":path": "/quiet?heartbeat=0" });
    await once(stream, "response");
    const over = once(stream.resume(), "end").then(() => equal(stream.rstCode, 0, "the stream of HTTP/2 ends with"));
    closed.push(Promise.all([over, once(session, "close")]));
  }
  return closed;
};

/** Numbers that a client reads while its server is replaced: exactly once, though the second server has to go on behind the first. */
const countOver = async (at, begun, replaced) => {
  let reading = at.read(ENDLESS);
  await reading.until(`${READ} numbers`, ({ events }) => events.length >= READ);
  begun();
  const events = [];
  if (at.client.reconnects) {
    await replaced;
  } else {
    await reading.end();
    equal(reading.all("error"), [], "errors");
    events.push(...reading.events);
    await replaced;
    reading = at.read(ENDLESS, { lastEventId: events.at(-1).id });
  }
  // The second server knows of no request but those that it got itself.
  const [request] = await eventually("a request at the second instance", async () => {
    const { requests } = await at.state();
    return requests.length > 0 && requests;
  });
  const from = Number(request.lastEventId);
  ensure(from >= READ, `the Last-Event-ID at the second instance is ${request.lastEventId}`);
  const enough = () => events.length + reading.events.length >= from + READ;
  await reading.until(`${READ} numbers of the second instance`, enough);
  reading.stop();
  await reading.end();
  const seen = [...events, ...reading.events].map(({ data }) => Number(data));
  equal(seen, seen.map((_, index) => index + 1), "numbers");
  return `resumed behind ${from}`;
};

/**
 * Ends a server while clients read from it, and starts another on its port. Gives the server, and what became of each client: its
 * name, and a promise.
 */
export const replace = async ({ binary, adapter, scheme, clients, types }) => {
  // Neither a client that tries to come back nor anybody else may get the port meanwhile.
  const first = await startOnPort(binary, adapter, scheme);
  const ats = [];
  try {
    return await replaceOne(first, ats, { binary, adapter, scheme, clients, types });
  } catch (error) {
    for (const at of ats) at.stop();
    throw error;
  } finally {
    await first.kill();
  }
};

const startOnPort = async (...what) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await Server.start(...what, await freePort());
    } catch (error) {
      // Another program may have taken it.
      if (attempt === ATTEMPTS) throw error;
    }
  }
};

const replaceOne = async (first, ats, { binary, adapter, scheme, clients, types }) => {
  const kept = await keepConnections(first.url);
  const position = await (await ask(first.url, "/topic/epochs", { method: "POST", body: "of the first" })).text();

  let isReplaced;
  const replaced = new Promise((resolve) => { isReplaced = resolve; });
  const runs = clients.map((client) => {
    let begun;
    const hasBegun = new Promise((resolve) => { begun = resolve; });
    const at = new At({ client, base: first.url, server: first.url, who: `${client.name}-sigterm`, types });
    ats.push(at);
    const over = countOver(at, begun, replaced).finally(begun);
    // Awaited later.
    over.catch(() => {});
    return { client, hasBegun, over, stop: () => at.stop() };
  });
  await Promise.all(runs.map(({ hasBegun }) => hasBegun));

  const sent = performance.now();
  first.child.kill("SIGTERM");
  const exit = async () => {
    const { code, signal } = await within(EXITS, "the process exits", first.exited);
    const took = performance.now() - sent;
    equal([code, signal], [0, null], "exit code and signal");
    return `${Math.round(took)} ms`;
  };
  const exited = exit();
  const closed = within(EXITS, "the end of streams and connections", Promise.all(kept)).then(() => `${kept.length} connections`);
  for (const promise of [exited, closed]) promise.catch(() => {});
  const exits = await exited;
  const second = await Server.start(binary, adapter, scheme, first.port);
  isReplaced();
  return { exits, closed, second, position, runs };
};

/** A client that comes with the id of another epoch is told. */
export const tellsOfEpochs = async (client, url, position, types) => {
  const at = new At({ client, base: url, server: url, who: "epochs", types });
  await ask(url, "/topic/epochs", { method: "POST", body: "of the second" });
  const reading = at.read("/topic/epochs", { lastEventId: position });
  await reading.until("an event", ({ events }) => events.length >= 1);
  equal(reading.events[0].type, "sse:reset", "the first event");
  reading.stop();
  await reading.end();
};
