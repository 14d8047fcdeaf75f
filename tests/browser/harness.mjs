// What the scripts share: checks, example servers, the browser.

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const SECOND = 1_000;
export const SHUTDOWN = 3 * SECOND;
const BUILT_AND_LISTENING = 900 * SECOND;
const GET = Buffer.from("GET ");
const PATIENCE = 20 * SECOND;

/** The commands that build and run an example on the three frameworks. */
export const examples = (name, features = "") =>
  ["axum", "hyper", "actix"].map((framework) => `cargo run -q -p sse-${framework} ${features} --example ${name}`);

// ---- Checks --------------------------------------------------------------------------------------------------------

let passed = 0;
let failed = 0;

export const check = async (name, run) => {
  try {
    const detail = await run();
    passed += 1;
    console.log(`ok    ${name}${detail ? ` (${detail})` : ""}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\nCall log")[0]}`);
  }
};

export const equal = (actual, expected, what) => {
  if (actual === expected) return;
  throw new Error(`${what}: ${shorten(actual)} instead of ${shorten(expected)}`);
};

export const ensure = (condition, what) => {
  if (!condition) throw new Error(what);
};

const shorten = (value) => {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
};

// ---- Server --------------------------------------------------------------------------------------------------------

/** Builds and runs a server; one after the other, as the examples of the frameworks have one file name. */
export const start = (command, port, environment = {}) => {
  const started = lastStart.catch(() => {}).then(() => startNow(command, port, environment));
  lastStart = started;
  return started;
};

let lastStart = Promise.resolve();

const startNow = async (command, port, environment) => {
  const [file, ...args] = command.split(/\s+/);
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { ...process.env, ...environment, PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  const lines = readline.createInterface({ input: child.stdout });
  const listening = new Promise((resolve) => {
    lines.on("line", (line) => {
      const found = /^listening on (http:\/\/\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
  });
  const url = await within(BUILT_AND_LISTENING, "the server listens", Promise.race([
    listening,
    exited.then(({ code, signal }) => { throw new Error(`the server exited at once (${code ?? signal})`); }),
  ])).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
  return { child, exited, url };
};

export const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms / SECOND} s: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/**
 * Stands between browser and server. `cut` breaks all connections, as a network does: without an end on either side;
 * `requests` are the heads of what was asked with GET.
 */
export const standBetween = async (url) => {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const requests = [];
  const proxy = net.createServer((client) => {
    // A browser sends the head of a GET in one piece.
    client.on("data", (chunk) => { if (chunk.subarray(0, 4).equals(GET)) requests.push(chunk.toString("latin1")); });
    const server = net.connect(Number(port), hostname);
    for (const [one, other] of [[client, server], [server, client]]) {
      sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  proxy.listen(0, hostname);
  await once(proxy, "listening");
  const cut = () => { for (const socket of sockets) socket.resetAndDestroy(); };
  return { url: `http://${hostname}:${proxy.address().port}/`, requests, cut, close: () => { proxy.close(); cut(); } };
};

// ---- Pages ---------------------------------------------------------------------------------------------------------

/** Waits until `condition`, which runs in the page, holds for the state that `global` (such as `chat`) tells. */
export const until = async (page, global, what, condition, argument) => {
  const source = `(${condition})(window.${global}.state(), ${JSON.stringify(argument) ?? "undefined"})`;
  await eventually(page, what, source);
};

/** Waits until an expression, or a function of `argument`, is true in the page. */
export const eventually = async (page, what, condition, argument) => {
  try {
    // Not with each repaint: pages behind others have few.
    await page.waitForFunction(condition, argument, { timeout: PATIENCE, polling: 50 });
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    throw new Error(`not within ${PATIENCE / SECOND} s: ${what}`);
  }
};

export const pathOf = (request) => new URL(request.url()).pathname;

/** Notes what a page asks for, and what goes wrong in it. */
export const watch = (page) => {
  const seen = { requests: [], exceptions: [], consoleErrors: [] };
  page.on("request", (request) => seen.requests.push(request));
  page.on("pageerror", (error) => seen.exceptions.push(error.message));
  page.on("console", (message) => { if (message.type() === "error") seen.consoleErrors.push(message.text()); });
  return seen;
};

/** Drives each server in a browser of its own; the exit code says whether all went well. */
export const driveAll = async (commands, drive) => {
  // Here, so that scripts without a browser do without it.
  const { chromium } = await import("playwright-core");
  await eachOf(commands, async (command) => {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
    await drive(browser, command).finally(() => browser.close());
  });
  summarise();
};

/** Drives the servers side by side: most of the time is spent waiting. */
export const eachOf = (commands, drive) => Promise.all(commands.map((command) =>
  drive(command).catch((error) => {
    failed += 1;
    console.log(`FAIL  ${command}: ${error.message}`);
  })));

/** Says how many checks there were; so does the exit code. */
export const summarise = () => {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
};
