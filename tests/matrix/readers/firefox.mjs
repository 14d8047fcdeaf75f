// Firefox's EventSource, in one page for each origin; driven over WebDriver BiDi.

import readline from "node:readline";

import { WebSocket } from "undici";

import { makeOwned, spawnOwned } from "../owned.mjs";
import { SCRIPT } from "./page.mjs";
import { aborted, run } from "./protocol.mjs";

// ---- WebDriver BiDi -------------------------------------------------------------------------------------------------

const profile = makeOwned("sse-firefox-");
const firefox = spawnOwned(
  process.env.FIREFOX || "firefox-esr",
  ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"],
  { stdio: ["ignore", "ignore", "pipe"] },
);
const exited = new Promise((resolve) => { firefox.on("exit", resolve); });
firefox.on("error", (error) => broken(error.message));

let isFinishing = false;

/** Without Firefox there is nothing to read with. */
const broken = (why) => {
  if (isFinishing) return;
  console.error(why);
  process.exit(1);
};

const listening = new Promise((resolve) => {
  readline.createInterface({ input: firefox.stderr }).on("line", (line) => {
    const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line);
    if (found) resolve(found[1]);
  });
});
exited.then((code) => broken(`Firefox ended (${code})`));

const socket = new WebSocket(`${await listening}/session`);
await new Promise((resolve, reject) => {
  socket.addEventListener("open", resolve);
  socket.addEventListener("error", reject);
});

socket.addEventListener("close", () => broken("Firefox closed its connection"));

let commands = 0;
const answers = new Map();
const tells = new Map();

socket.addEventListener("message", ({ data }) => {
  const { id, type, method, params, result, message } = JSON.parse(data);
  if (method === "script.message") {
    const { job, ...line } = JSON.parse(params.data.value);
    tells.get(job)?.(line);
  } else if (answers.has(id)) {
    const { resolve, reject } = answers.get(id);
    answers.delete(id);
    if (type === "error") reject(new Error(message));
    else resolve(result);
  }
});

const command = (method, params) => new Promise((resolve, reject) => {
  const id = commands += 1;
  answers.set(id, { resolve, reject });
  socket.send(JSON.stringify({ id, method, params }));
});

/** Calls a function of the page. */
const call = async (context, declaration, ...values) => {
  const { type, exceptionDetails } = await command("script.callFunction", {
    functionDeclaration: declaration,
    awaitPromise: true,
    target: { context },
    arguments: values,
  });
  if (type === "exception") throw new Error(exceptionDetails.text);
};

const text = (value) => ({ type: "string", value });

// The servers' certificates are made at their start.
await command("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
await command("session.subscribe", { events: ["script.message"] });

// ---- Pages ----------------------------------------------------------------------------------------------------------

const pages = new Map();

/** The page of an origin, in which streams are of the same origin. */
const pageOf = (origin) => {
  if (!pages.has(origin)) pages.set(origin, open(origin));
  return pages.get(origin);
};

const open = async (origin) => {
  const { context } = await command("browsingContext.create", { type: "tab" });
  await command("browsingContext.navigate", { context, url: origin, wait: "complete" });
  const channel = { type: "channel", value: { channel: "tell", ownership: "none" } };
  await call(context, `(tell) => { window.tell = async (text) => tell(text); ${SCRIPT}; }`, channel);
  return context;
};

let jobs = 0;

const read = async (options, tell, signal) => {
  const job = String(jobs += 1);
  const context = await pageOf(new URL(options.url).origin);
  const over = new Promise((resolve) => {
    tells.set(job, (line) => {
      if (!line.over) tell(line);
      if (line.over || line.closing) resolve();
    });
  });
  const start = "(job, options) => window.matrix.start(job, JSON.parse(options))";
  await call(context, start, text(job), text(JSON.stringify(options)));
  const isOver = await Promise.race([over.then(() => true), aborted(signal)]);
  if (!isOver) {
    await call(context, "(job) => window.matrix.stop(job)", text(job));
    await over;
  }
  tells.delete(job);
};

await run(read, async () => {
  isFinishing = true;
  firefox.kill();
  await exited;
});
