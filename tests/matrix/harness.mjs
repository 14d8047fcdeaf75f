// What the runner is made of: servers, readers, a proxy, checks.

import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Agent, fetch } from "undici";

import { endOnSignals, endOwned, makeOwned, spawnOwned } from "./owned.mjs";

export const SECOND = 1_000;
export const PATIENCE = 30 * SECOND;
/** How long the start of a browser may take. */
const START = 120 * SECOND;

endOnSignals();

const HERE = fileURLToPath(new URL(".", import.meta.url));

export const equal = (actual, expected, what) => {
  const [is, wanted] = [actual, expected].map((value) => JSON.stringify(value) ?? "undefined");
  if (is === wanted) return;
  throw new Error(`${what}: ${shorten(is)} instead of ${shorten(wanted)}`);
};

export const ensure = (condition, what) => {
  if (!condition) throw new Error(what);
};

const shorten = (text) => (text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text);

/** Fails when the promise is not settled in time; `what` is a text, or gives one then. */
export const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${ms / SECOND} s: ${typeof what === "string" ? what : what()}`));
    }, ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Waits until `condition` gives something, and gives it. */
export const eventually = async (what, condition) => {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const found = await condition();
    if (found) return found;
    ensure(performance.now() < deadline, `not within ${PATIENCE / SECOND} s: ${what}`);
    await sleep(10);
  }
};

// ---- Servers --------------------------------------------------------------------------------------------------------

/** A server of the matrix, on a port of its choice unless one is named. */
export class Server {
  static async start(binary, adapter, scheme, port = 0) {
    const args = ["--adapter", adapter, "--port", String(port), ...(scheme === "https" ? ["--tls"] : [])];
    const child = spawnOwned(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    const listening = new Promise((resolve) => {
      readline.createInterface({ input: child.stdout }).on("line", (line) => {
        const found = /^listening on (\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    });
    const ended = exited.then(({ code, signal }) => { throw new Error(`${adapter} ended at once (${code ?? signal})`); });
    const url = await within(PATIENCE, `${adapter} listens`, Promise.race([listening, ended])).catch((error) => {
      endOwned(child);
      throw error;
    });
    return new Server(child, exited, url);
  }

  constructor(child, exited, url) {
    Object.assign(this, { child, exited, url });
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  async kill() {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}

// The servers' certificates are made at their start.
const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, keepAliveTimeout: 1 });

/** Asks a server of the matrix, over a connection that is not kept. */
export const ask = async (base, target, options = {}) => {
  const response = await fetch(new URL(target, base), { dispatcher, ...options });
  ensure(response.ok, `${target}: status ${response.status}`);
  return response;
};

/** What a server noted of the requests whose query has `who`. */
export const stateOf = async (base, who) => {
  const { open, requests, departures } = await (await ask(base, "/state")).json();
  const isOurs = ({ query }) => new URLSearchParams(query).get("who") === who;
  return { open, requests: requests.filter(isOurs), departures: departures.filter(isOurs) };
};

// ---- A proxy ----------------------------------------------------------------------------------------------------------

/**
 * Stands between clients and a server. `cut` resets all connections; with `idle` (milliseconds) those that are silent for so long
 * are ended. `connections` counts them.
 */
export class Proxy {
  static async start(url, { idle = 0 } = {}) {
    const { hostname, port, protocol } = new URL(url);
    const proxy = new Proxy(net.createServer((client) => proxy.join(client, net.connect(Number(port), hostname), idle)));
    proxy.server.listen(0, hostname);
    await once(proxy.server, "listening");
    proxy.url = `${protocol}//${hostname}:${proxy.server.address().port}/`;
    return proxy;
  }

  constructor(server) {
    Object.assign(this, { server, sockets: new Set(), connections: 0, timeouts: 0 });
  }

  join(client, upstream, idle) {
    this.connections += 1;
    upstream.setTimeout(idle, () => {
      this.timeouts += 1;
      upstream.destroy();
    });
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      this.sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        this.sockets.delete(one);
        other.destroy();
      });
    }
  }

  cut() {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  close() {
    this.server.close();
    this.cut();
  }
}

// ---- Readers ----------------------------------------------------------------------------------------------------------

/** A program that reads streams; the clients that live in it share it. */
export class Reader {
  static #running = new Map();

  /** The reader of a client. */
  static of({ reader, isOneShot }) {
    const key = reader.join(" ");
    if (!Reader.#running.has(key)) Reader.#running.set(key, new Reader(reader, isOneShot));
    return Reader.#running.get(key);
  }

  /** Waits until the readers of these clients have read something. */
  static async start(clients, urlOf) {
    await Promise.all(clients.map(async (client) => {
      const reading = Reader.of(client).read({ url: new URL("/case/plain", urlOf(client)).href, until: 1, ...client.job });
      await reading.end(START);
      ensure(reading.events.length > 0, `${client.name} reads nothing: ${reading.all("error").join("; ")}`);
    }));
  }

  /** Ends all readers; for each, its command, and a promise that it ends well. */
  static finish() {
    return [...Reader.#running.values()].filter((reader) => reader.#child).map((reader) => {
      const ended = reader.#finish();
      // Awaited later.
      ended.catch(() => {});
      return { name: path.basename(reader.#command.at(-1)), ended };
    });
  }

  #command;
  #child;
  #exited;
  #jobs = new Map();
  #count = 0;
  /** Why it reads no more. */
  #dead;

  constructor(command, isOneShot) {
    this.#command = command;
    if (isOneShot) return;
    const [program, ...args] = command;
    this.#child = spawnReader(program, [...args, "--serve"], "pipe");
    this.#exited = once(this.#child, "exit");
    // `#finish` looks at it.
    this.#exited.catch(() => {});
    // A reader that ends has nobody to write to.
    this.#child.stdin.on("error", () => {});
    listen(this.#child, (line) => this.#jobs.get(line.job)?.take(line), (error) => {
      this.#dead ??= error;
      for (const reading of this.#jobs.values()) reading.take({ error, end: true });
    });
  }

  /** Begins to read a stream. */
  read(options) {
    if (this.#dead !== undefined) return Reading.failed(this.#dead);
    return this.#child ? this.#send(options) : this.#spawn(options);
  }

  #send(options) {
    const job = this.#count += 1;
    const write = (line) => this.#child.stdin.write(`${JSON.stringify({ job, ...line })}\n`);
    const reading = new Reading(() => write({ stop: true }), () => this.#jobs.delete(job));
    this.#jobs.set(job, reading);
    write(options);
    return reading;
  }

  #spawn({ url, ...options }) {
    const flags = Object.entries(options).filter(([, value]) => value !== undefined).flatMap(([name, value]) => {
      return [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, String(value)];
    });
    const [program, ...args] = this.#command;
    const child = spawnReader(program, [...args, url, ...flags], "ignore");
    const reading = new Reading(() => child.kill("SIGTERM"), () => {});
    listen(child, (line) => reading.take(line), (error) => reading.take({ error, end: true }));
    return reading;
  }

  async #finish() {
    this.#child.stdin.end();
    try {
      const [code, signal] = await within(PATIENCE, "the reader ends", this.#exited);
      ensure(code === 0, `the reader ended with ${code ?? signal}: ${this.#dead}`);
    } finally {
      endOwned(this.#child);
    }
  }
}

let temporary;

/** In a group of its own, with what it starts, and with temporary files that go with the runner. */
const spawnReader = (program, args, stdin) => {
  temporary ??= makeOwned("sse-matrix-");
  const env = { ...process.env, TMPDIR: temporary };
  return spawnOwned(program, args, { cwd: HERE, env, stdio: [stdin, "pipe", "pipe"], detached: true });
};

/** Gives each line of a reader, and once why there are no more: what it said on stderr when it ended, or a line that is no JSON. */
const listen = (child, onLine, onEnd) => {
  let said = "";
  child.stderr.on("data", (chunk) => { said = (said + chunk).slice(0, 2_000); });
  readline.createInterface({ input: child.stdout, crlfDelay: Infinity }).on("line", (text) => {
    const line = parse(text);
    if (line === undefined) onEnd(`the reader said ${shorten(text)}`);
    else onLine(line);
  });
  child.on("close", () => onEnd(said.trim() || "the reader ended"));
  child.on("error", (error) => onEnd(error.message));
};

const parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What one job gave so far. */
export class Reading {
  lines = [];
  isOver = false;
  /** Called with each event. */
  onEvent = () => {};
  #wakers = new Set();
  #stop;
  #forget;

  constructor(stop, forget) {
    this.#stop = stop;
    this.#forget = forget;
  }

  /** One that is over before it began. */
  static failed(error) {
    const reading = new Reading(() => {}, () => {});
    reading.take({ error, end: true });
    return reading;
  }

  take({ job, ...line }) {
    if (this.isOver) return;
    this.lines.push(line);
    if (line.event) this.onEvent(line.event);
    if (line.end) {
      this.isOver = true;
      this.#forget();
    }
    for (const wake of this.#wakers) wake();
  }

  get events() {
    return this.all("event");
  }

  /** The values of all lines of a kind. */
  all(kind) {
    return this.lines.filter((line) => kind in line).map((line) => line[kind]);
  }

  /** Waits until the condition holds. */
  async until(what, condition, patience = PATIENCE) {
    const held = new Promise((resolve, reject) => {
      const wake = () => {
        if (condition(this)) return resolve();
        if (this.isOver) reject(new Error(`over before ${what}: ${shorten(JSON.stringify(this.lines.slice(-4)))}`));
      };
      this.#wakers.add(wake);
      wake();
    });
    const last = () => `${what}; the last lines: ${shorten(JSON.stringify(this.lines.slice(-4)))}`;
    await within(patience, last, held).catch((error) => {
      this.stop();
      throw error;
    });
  }

  /** Waits until it is over. */
  async end(patience = PATIENCE) {
    await this.until("the end", ({ isOver }) => isOver, patience);
    return this;
  }

  stop() {
    if (!this.isOver) this.#stop();
  }
}

// ---- Programs -----------------------------------------------------------------------------------------------------------

/** Where cargo has put the server. */
export const BINARY = process.env.SSE_MATRIX
  || path.join(process.env.CARGO_TARGET_DIR || path.join(HERE, "../../target"), "debug/sse-matrix");
