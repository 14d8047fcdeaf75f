// Drives the live page of each example server in Chromium.
//
//   node run.mjs [--server COMMAND]... [--screenshot FILE] [--scheme light|dark]
//
// A command is started without a shell, with PORT in its environment (0: any), from the root of the repository; it prints
// `listening on http://ADDRESS/`. Without --server the three examples are built and run. CHROMIUM names the browser.

import path from "node:path";
import { parseArgs } from "node:util";

import { check, driveAll, ensure, equal, examples, pathOf, SECOND, SHUTDOWN, start, until as untilIn, watch, within } from "./harness.mjs";

const NO_RECONNECT_FOR = 4 * SECOND;

const PROMPTS = [
  "What is a Server-Sent Event?",
  "  two  spaces,\n\n\nblank lines and a tab\t",
  "a\n\nevent: admin\ndata: PWNED\n\nevent: done\ndata: complete\n\n",
  "<img src=x onerror=alert(1)> & %20+?#=\u2028\u202e 👩‍👩‍👧‍👦 data: x",
];

const { values: options } = parseArgs({
  options: {
    server: { type: "string", multiple: true, default: examples("live") },
    screenshot: { type: "string" },
    scheme: { type: "string", default: "light" },
  },
});

// ---- Page ----------------------------------------------------------------------------------------------------------

const state = (page) => page.evaluate(() => window.sseDemo.state());

const until = (page, what, condition, argument) => untilIn(page, "sseDemo", what, condition, argument);

const answerTo = async (page, prompt) => {
  await page.fill("#tokens-prompt", prompt);
  await page.click("#tokens-ask");
  await until(page, "the end of the answer", ({ tokens }) => tokens.ended !== null);
  return state(page);
};

const drive = async (browser, command) => {
  let server = await start(command, 0);
  const page = await browser.newPage({ colorScheme: options.scheme, viewport: { width: 1360, height: 900 } });
  const { requests, exceptions, consoleErrors } = watch(page);

  try {
    let name = command;
    await check(`${command}: the page loads, names its server, and its streams open`, async () => {
      await page.goto(server.url);
      await until(page, "the server's name and two open streams", ({ about, metrics, inspector }) =>
        about !== null && metrics.state === "open" && inspector.state === "open");
      const { about } = await state(page);
      name = about.framework;
      ensure(/^\d+\.\d+/.test(about.version), `the version is ${about.version}`);
      equal(consoleErrors.join("; "), "", "console errors");
      return `${about.framework} ${about.version}`;
    });

    for (const [index, prompt] of PROMPTS.entries()) {
      await check(`${name}: tokens: answer ${index + 1} is shown exactly`, async () => {
        const expected = await (await fetch(new URL(`/tokens.txt?prompt=${encodeURIComponent(prompt)}`, server.url))).text();
        ensure(expected.includes(prompt), "the prompt is not in /tokens.txt");
        const { tokens } = await answerTo(page, prompt);
        equal(tokens.ended, "done: complete", "ended by");
        equal(tokens.text, expected, "the tokens joined");
        equal(await page.evaluate(() => document.getElementById("tokens-text").textContent), expected, "the text shown");
        equal(tokens.injected, 0, "injected events");
        ensure(tokens.empty > 0, "no empty token arrived");
        return `${tokens.count} tokens, ${tokens.perSecond.toFixed(1)}/s`;
      });
    }

    await check(`${name}: tokens: no reconnect for ${NO_RECONNECT_FOR / SECOND} s after done`, async () => {
      const asked = requests.filter((request) => pathOf(request) === "/tokens").length;
      equal(asked, PROMPTS.length, "requests for /tokens");
      const again = await page
        .waitForRequest((request) => pathOf(request) === "/tokens", { timeout: NO_RECONNECT_FOR })
        .catch((error) => { if (error.name !== "TimeoutError") throw error; });
      equal(again, undefined, "another request");
    });

    await check(`${name}: tokens: stop closes the stream`, async () => {
      await page.click("#tokens-ask");
      await until(page, "three tokens", ({ tokens }) => tokens.count >= 3);
      await page.click("#tokens-stop");
      const { tokens } = await state(page);
      equal(tokens.state, "stopped", "state");
      equal(tokens.finished, false, "finished");
    });

    for (const round of [1, 2]) {
      await check(`${name}: metrics: cut ${round} loses and doubles nothing`, async () => {
        const received = (least) => until(page, `${least} events`, ({ metrics }, n) => metrics.received >= n, least);
        await received((await state(page)).metrics.received + 10);
        const from = requests.length;
        await page.click("#metrics-cut");
        await until(page, "a reconnect", ({ metrics }, n) => metrics.reconnects >= n, round);
        await received((await state(page)).metrics.received + 10);
        const { metrics } = await state(page);
        equal(metrics.lost, 0, "lost");
        equal(metrics.doubled, 0, "doubled");
        equal(metrics.resets, 0, "resets");
        equal(metrics.reconnects, round, "reconnects");
        const back = requests.slice(from).filter((request) => pathOf(request) === "/metrics");
        equal(back.length, 1, "requests for /metrics");
        equal((await back[0].allHeaders())["last-event-id"], metrics.cut.before, "Last-Event-ID");
        const seq = (id) => Number(id.slice(id.lastIndexOf("-") + 1));
        equal(seq(metrics.cut.after), seq(metrics.cut.before) + 1, "the first id after the cut");
        return `back in ${metrics.cut.awayMs} ms, ${metrics.cut.replayed} replayed`;
      });
    }

    await check(`${name}: inspector: heartbeats are visible and highlighted`, async () => {
      await until(page, "two heartbeats", ({ inspector }) => inspector.heartbeats >= 2);
      const shown = await page.locator("#inspect-lines .heartbeat").count();
      ensure(shown >= 2, `${shown} shown`);
      const { inspector } = await state(page);
      ensure(inspector.lines.length <= 200, `${inspector.lines.length} lines kept`);
      const ends = new Set(inspector.lines.map(({ end }) => end));
      equal([...ends].join(), "\n", "line ends on the wire");
      return `${inspector.heartbeats} heartbeats in ${inspector.count} lines`;
    });

    await check(`${name}: inspector: pause holds the view, not the stream`, async () => {
      const shown = () => page.locator("#inspect-lines > *").count();
      await page.click("#inspect-pause");
      const [before, { inspector }] = [await shown(), await state(page)];
      await until(page, "another line", (now, n) => now.inspector.count > n, inspector.count);
      equal(await shown(), before, "lines shown while paused");
      await page.click("#inspect-pause");
      equal(await shown(), (await state(page)).inspector.lines.length, "lines shown afterwards");
    });

    await check(`${name}: hostile: every text arrives intact`, async () => {
      await page.click("#hostile-run");
      await until(page, "the end of the run", ({ hostile }) => hostile.ended !== null);
      const { hostile } = await state(page);
      const changed = hostile.rows.filter(({ intact }) => !intact).map((row) => row.name);
      equal(changed.join(", "), "", "changed");
      equal(hostile.injected, 0, "injected events");
      equal(hostile.ended, "done: complete", "ended by");
      equal(hostile.finished, true, "finished");
      ensure(hostile.rows.length >= 15, `${hostile.rows.length} cases`);
      const shown = await page.locator("#hostile-rows td.good").count();
      equal(shown, hostile.rows.length, "rows shown as intact");
      return `${hostile.rows.length} texts`;
    });

    if (options.screenshot) {
      await answerTo(page, PROMPTS[0]);
      const file = path.parse(path.resolve(options.screenshot));
      const suffix = options.server.length > 1 ? `-${name}` : "";
      await page.screenshot({ path: path.join(file.dir, `${file.name}${suffix}${file.ext || ".png"}`), fullPage: true });
    }

    await check(`${name}: SIGINT with streams open: exits with 0 within ${SHUTDOWN / SECOND} s`, async () => {
      await page.click("#tokens-ask");
      await until(page, "three open streams", ({ tokens, metrics, inspector }) =>
        [tokens, metrics, inspector].every((stream) => stream.state === "open"));
      const sent = performance.now();
      server.child.kill("SIGINT");
      const { code, signal } = await within(SHUTDOWN, "the process exits", server.exited);
      equal(signal, null, "killed by");
      equal(code, 0, "exit code");
      return `${Math.round(performance.now() - sent)} ms`;
    });

    await check(`${name}: after a restart the page comes back and says that it could not resume`, async () => {
      const { resets } = (await state(page)).metrics;
      server.child.kill("SIGKILL");
      await server.exited;
      server = await start(command, new URL(server.url).port);
      await until(page, "the reset", ({ metrics }, n) => metrics.resets > n && metrics.state === "open", resets);
      await until(page, "the inspector", ({ inspector }) => inspector.state === "open");
      const { metrics } = await state(page);
      ensure(await page.locator("#metrics-reset").isVisible(), "the reset is not shown");
      return metrics.resetReason;
    });

    await check(`${name}: no exception in the page`, async () => {
      equal(exceptions.join("; "), "", "exceptions");
      // What the network did is logged too, and was meant.
      const others = consoleErrors.filter((text) => !text.startsWith("Failed to load resource: net::ERR_"));
      equal(others.join("; "), "", "console errors");
    });
  } finally {
    await page.close();
    server.child.kill("SIGKILL");
    await server.exited;
  }
};

// ---- All -----------------------------------------------------------------------------------------------------------

await driveAll(options.server, drive);
