// Chromium: its EventSource, or with `--with fetch-event-source` that library, in one page for each origin.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { SCRIPT } from "./page.mjs";
import { aborted, run } from "./protocol.mjs";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const LIBRARY = new URL("../node_modules/@microsoft/fetch-event-source/lib/esm/", import.meta.url);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
let isFinishing = false;
// Without Chromium there is nothing to read with.
browser.on("disconnected", () => {
  if (isFinishing) return;
  console.error("Chromium ended");
  process.exit(1);
});
// The servers' certificates are made at their start.
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const tells = new Map();
const pages = new Map();

/** The page of an origin, in which streams are of the same origin. */
const pageOf = (origin) => {
  if (!pages.has(origin)) pages.set(origin, open(origin));
  return pages.get(origin);
};

const open = async (origin) => {
  const page = await context.newPage();
  await page.exposeFunction("tell", (text) => {
    const { job, ...line } = JSON.parse(text);
    tells.get(job)?.(line);
  });
  await page.addInitScript(SCRIPT);
  // The library's modules name each other without their ending.
  await page.route("**/matrix-modules/fetch-event-source/*", async (route) => {
    const name = new URL(route.request().url()).pathname.split("/").at(-1).replace(/\.js$/, "");
    const body = await readFile(fileURLToPath(new URL(`${name}.js`, LIBRARY)), "utf8");
    await route.fulfill({ body, contentType: "text/javascript" });
  });
  await page.goto(origin);
  return page;
};

let jobs = 0;

const read = async (options, tell, signal) => {
  const job = jobs += 1;
  const page = await pageOf(new URL(options.url).origin);
  const over = new Promise((resolve) => {
    tells.set(job, (line) => {
      if (!line.over) tell(line);
      if (line.over || line.closing) resolve();
    });
  });
  await page.evaluate(([job, options]) => window.matrix.start(job, options), [job, options]);
  const isOver = await Promise.race([over.then(() => true), aborted(signal)]);
  if (!isOver) {
    await page.evaluate((job) => window.matrix.stop(job), job);
    await over;
  }
  tells.delete(job);
};

await run(read, async () => {
  isFinishing = true;
  await browser.close();
});
