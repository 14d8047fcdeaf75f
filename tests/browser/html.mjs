// Drives the dashboard and the notifications of each example server with the real libraries: htmx 2 and 4, Datastar, Turbo.
//
//   node html.mjs [--server COMMAND]... [--screenshot FILE] [--scheme light|dark]
//
// As run.mjs. Each server runs twice: as in production, and with SSE_DEBUG=1.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import {
  check, driveAll, ensure, equal, eventually, examples, pathOf, SECOND, SHUTDOWN, standBetween, start, watch, within,
} from "./harness.mjs";
import { serveLibraries } from "./libraries.mjs";

const CLIENTS = ["htmx2", "htmx4", "datastar", "turbo"];

// Longer than any of the libraries waits before it comes back.
const NO_RETURN_FOR = 3 * SECOND;

const WHY = `<img src=x onerror="window.pwned = 1"> & 'a' "b" {{ 7 * 7 }}`;

const HOSTILE = [
  "<script>window.pwned = 2</script><img src=x onerror=\"window.pwned = 3\">",
  "</li></ol></template></turbo-stream><turbo-stream action=\"remove\" target=\"notification\"></turbo-stream>",
  "</li></hx-partial><hx-partial hx-target=\"body\" hx-swap=\"innerHTML\">gone</hx-partial>",
  "<li id=\"notification\" hx-swap-oob=\"true\">gone</li>",
  "x\nselector body\nmode remove\nelements <p>gone</p>",
  "x\r\n\r\nevent: datastar-patch-elements\r\ndata: selector body\r\ndata: mode remove\r\n\r\n",
  "x\n\nevent: done\ndata: complete\n\nevent: notification\ndata: <b>forged</b>\n\n",
  "x\r\revent: done\rdata: complete\r\rid: 666\rretry: 1\r\r",
  "\" onmouseover=\"window.pwned = 4\" autofocus onfocus='window.pwned = 5",
  "{{ 7 * 7 }} ${7 * 7} {% raw %} @get('/x') $signal",
  "&lt;b&gt; &amp;amp; &#60;i&#62;",
  "before\0after \x1b[31m nel\x85ls\u2028ps\u2029end \ufeff \u202e rtl 👩‍👩‍👧‍👦 Z͑ͫa͊ͮl͈̍go",
  "   spaces   \n\n\n",
  "0123456789abcdef".repeat(700),
];

const { values: options } = parseArgs({
  options: {
    server: { type: "string", multiple: true, default: examples("dashboard", "--features broadcast,html") },
    screenshot: { type: "string" },
    scheme: { type: "string", default: "light" },
  },
});

// ---- What a page shows ---------------------------------------------------------------------------------------------

const dashboard = (page) => page.evaluate(() => {
  const tick = (id) => Number(document.querySelector(`#${id} > dl`)?.dataset.tick ?? -1);
  const errors = [...document.querySelectorAll(".sse-block-error")];
  return {
    stats: tick("stats-update"),
    viewers: tick("viewers-update"),
    errors: errors.map((error) => ({ block: error.dataset.block, in: error.parentElement.id, text: error.textContent })),
  };
});

/** Waits until a block of the dashboard shows a sample that is newer by `samples`. */
const renewed = async (page, block, samples = 2) => {
  const from = (await dashboard(page))[block];
  await eventually(page, `${samples} new samples in ${block}`,
    ([id, least]) => Number(document.querySelector(`#${id} > dl`)?.dataset.tick ?? -1) >= least,
    [`${block}-update`, from + samples]);
};

const notifications = (page) => page.evaluate(() =>
  [...document.querySelectorAll("#notification > li")].map((li) => ({ number: Number(li.dataset.number), text: li.textContent })));

/** Waits until the notification `number` is shown. */
const notified = (page, number) => eventually(page, `notification ${number}`,
  (last) => document.querySelector(`#notification > li[data-number="${last}"]`) !== null, number);

/** As HTML can bear it: it knows one line end, and no NUL. */
const shown = (text) => text.replace(/\r\n?/g, "\n").replaceAll("\0", "");

/** What is about a page's elements, whatever the library put where. */
const structure = (page) => page.evaluate(() => ({
  statsElements: document.querySelectorAll("#stats-update").length,
  statsContent: [...document.querySelector("#stats-update").children].map((child) => child.localName).join(),
  viewersContent: [...document.querySelector("#viewers-update").children].map((child) => child.localName).join(),
  wrappers: document.querySelectorAll("main template, main hx-partial, main turbo-stream").length,
  elsewhere: document.querySelector("#elsewhere").childNodes.length,
  pwned: window.pwned ?? null,
}));

// ---- What a server is asked ----------------------------------------------------------------------------------------

const post = async (server, what, body = "") => {
  const answer = await fetch(new URL(what, server.url), { method: "POST", body });
  ensure(answer.ok || what === "/notify", `${what}: ${answer.status}`);
  return answer.status;
};

const streams = async (server) => (await fetch(new URL("/streams.json", server.url))).json();

/** Reads an event stream without any library, until `text` came or it was silent for two samples. */
const wire = async (server, path, text) => {
  const stopped = new AbortController();
  const timer = setTimeout(() => stopped.abort(), 1_500);
  let read = "";
  try {
    const answer = await fetch(new URL(path, server.url), { signal: stopped.signal });
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      read += chunk;
      if (text && read.includes(text)) break;
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    clearTimeout(timer);
    stopped.abort();
  }
  return read;
};

// ---- One server ----------------------------------------------------------------------------------------------------

/** Opens both pages for each client, each client in a browser profile of its own. */
const open = async (browser, proxy) => {
  const seats = [];
  for (const client of CLIENTS) {
    const context = await browser.newContext({ colorScheme: options.scheme, viewport: { width: 900, height: 560 } });
    const served = await serveLibraries(context, new URL(proxy.url).origin);
    const pages = [await context.newPage(), await context.newPage()];
    seats.push({ client, context, served, board: pages[0], list: pages[1], watched: pages.map(watch) });
  }
  return seats;
};

const drive = async (browser, command) => {
  for (const isDebug of [false, true]) {
    const server = await start(command, 0, { SSE_DEBUG: isDebug ? "1" : "0" });
    const proxy = await standBetween(server.url);
    const seats = await open(browser, proxy);
    const { framework } = await (await fetch(new URL("/about.json", server.url))).json();
    const name = isDebug ? `${framework}, debug` : framework;
    try {
      await drivePages({ server, proxy, seats, name, isDebug });
    } finally {
      for (const { context } of seats) await context.close();
      proxy.close();
      server.child.kill("SIGKILL");
      await server.exited;
    }
  }
};

const drivePages = async ({ server, proxy, seats, name, isDebug }) => {
  const said = [];
  // All at once: they share nothing but the server.
  const each = (what, run) =>
    Promise.all(seats.map((seat) => check(`${name}: ${seat.client}: ${what}`, () => run(seat))));
  const say = async (text) => {
    ensure((await post(server, "/notify", text)) < 300, "the notification is refused");
    said.push(text);
  };
  const isAllThere = async (list) => {
    const found = await notifications(list);
    equal(found.map(({ number }) => number).join(), said.map((_, index) => index + 1).join(), "numbers");
    for (const { number, text } of found) equal(text, shown(said[number - 1]), `notification ${number}`);
  };

  await each("m15: the dashboard is whole before any event", async ({ client }) => {
    const page = await (await fetch(new URL(`/?client=${client}`, server.url))).text();
    for (const id of ["stats-update", "viewers-update"]) {
      ensure(new RegExp(`id="${id}"[^>]*>\\s*<dl data-tick="\\d+">`).test(page), `${id} is empty`);
    }
  });

  await each("m14_m15: fragments land in their places, again and again", async ({ client, board, served }) => {
    await board.goto(new URL(`/?client=${client}`, proxy.url).href);
    for (const block of ["stats", "viewers"]) await renewed(board, block, 3);
    const { errors } = await dashboard(board);
    equal(errors.length, 0, "errors");
    const found = await structure(board);
    equal(JSON.stringify(found), JSON.stringify({
      statsElements: 1, statsContent: "dl", viewersContent: "dl", wrappers: 0, elsewhere: 0, pwned: null,
    }), "structure");
    equal((await streams(server))[`dashboard/${client}`].opened, 1, "streams opened");
    return served.map((url) => url.split("/").find((part) => /\w@v?\d/.test(part))).join(", ");
  });

  // ---- Blocks that fail

  await post(server, "/fail?block=stats", WHY);
  if (isDebug) {
    await each("m11_m12: a block that fails shows why in its place, as text, and the other goes on", async ({ board }) => {
      await eventually(board, "the error block", () => document.querySelector("#stats-update > .sse-block-error") !== null);
      await renewed(board, "viewers");
      const { errors } = await dashboard(board);
      equal(errors.map((error) => `${error.block} in ${error.in}`).join(), "stats-update in stats-update", "error blocks");
      ensure(errors[0].text.includes(WHY), `the reason is not in ${errors[0].text}`);
      const { statsContent, viewersContent, pwned } = await structure(board);
      equal([statsContent, viewersContent, pwned].join(), "div,dl,", "content of stats, of viewers, what a script did");
      equal(await board.locator("#stats-update img").count(), 0, "elements made of text");
      return errors[0].text;
    });
  } else {
    await each("m12: of a block that fails nothing appears, and the other goes on", async ({ board }) => {
      await renewed(board, "viewers");
      const { stats } = await dashboard(board);
      await renewed(board, "viewers");
      const after = await dashboard(board);
      equal(after.stats, stats, "the sample that stats shows");
      equal(after.errors.length, 0, "errors shown");
      equal(JSON.stringify(await structure(board)).includes("\"pwned\":null"), true, "no script ran");
    });
    await each("m11: the wire says that a block failed, not why", async ({ client }) => {
      const read = await wire(server, `/dashboard/live?client=${client}`, "event: sse:error\ndata: Event rendering failed\n\n");
      ensure(read.includes("event: sse:error\ndata: Event rendering failed\n\n"), `no error event in ${JSON.stringify(read)}`);
      ensure(!/pwned|onerror|invalid operation/.test(read), `it says why: ${read}`);
    });
  }
  await post(server, "/heal");
  await each("m12: the block heals with the next event", async ({ board }) => {
    await eventually(board, "the block", () => document.querySelector("#stats-update > dl") !== null);
    await renewed(board, "stats");
    equal((await dashboard(board)).errors.length, 0, "errors shown");
  });

  await post(server, "/fail?block=context", WHY);
  await each("m12: an event whose context cannot be built is left out whole", async ({ client, board }) => {
    await renewed(board, "viewers");
    const { stats } = await dashboard(board);
    await renewed(board, "viewers");
    const after = await dashboard(board);
    equal(after.stats, stats, "the sample that stats shows");
    equal(after.errors.length, 0, "errors shown");
    const read = await wire(server, `/dashboard/live?client=${client}`);
    ensure(read.includes("viewers-update"), "no fragment of the other block");
    ensure(!/stats-update|sse:error|pwned/.test(read), `something was sent: ${read}`);
  });
  await post(server, "/heal");
  await each("and the next is there again", async ({ board }) => renewed(board, "stats"));

  // ---- Notifications

  await say("from before the pages");
  await say("this, too");
  await Promise.all(seats.map(({ client, list }) => list.goto(new URL(`/notifications?client=${client}`, proxy.url).href)));
  for (let index = 0; index < 5; index += 1) await say(`line ${index}`);
  await each("m15: notifications are appended in order, behind those that the page came with", async ({ client, list }) => {
    await notified(list, said.length);
    await isAllThere(list);
    equal((await streams(server))[`notifications/${client}`].opened, 1, "streams opened");
    return `${said.length}`;
  });

  for (const text of HOSTILE) await say(text);
  await each("b01: hostile text stays text", async ({ list }) => {
    await notified(list, said.length);
    await isAllThere(list);
    const made = await list.evaluate(() => document.querySelectorAll("#notification > li > *, #notification > :not(li)").length);
    equal(made, 0, "elements made of text");
    equal(await list.evaluate(() => window.pwned ?? null), null, "what a script did");
    equal(await list.locator("#live").count(), 1, "elements that hold the stream");
    return `${HOSTILE.length} texts`;
  });

  const greeting = "Hello, <b>markup</b> stays text.";
  for (const { list } of seats) {
    await list.click("text=Notify");
    said.push(greeting);
    await notified(list, said.length);
  }
  await each("the button notifies everybody", async ({ list }) => {
    await notified(list, said.length);
    await isAllThere(list);
  });

  await post(server, "/fail?block=notification", WHY);
  equal(await post(server, "/notify", "never shown"), 500, "status of /notify");
  await post(server, "/heal");
  await say("after the one that failed");
  await each(isDebug ? "m11_m12: a notification that fails shows why, where it belongs" : "m12: of a notification that fails nothing appears", async ({ list }) => {
    await notified(list, said.length);
    await isAllThere(list);
    const around = await list.evaluate(() => [...document.querySelector("#notification").children].slice(-3)
      .map((child) => (child.classList.contains("sse-block-error") ? "sse-block-error" : child.localName)).join());
    equal(around, isDebug ? "li,sse-block-error,li" : "li,li,li", "the last three");
    if (isDebug) ensure((await list.textContent(".sse-block-error")).includes(WHY), "the reason is not shown");
    equal(await list.evaluate(() => window.pwned ?? null), null, "what a script did");
  });

  if (options.screenshot) {
    const file = path.parse(path.resolve(options.screenshot));
    for (const { client, board, list } of seats) {
      const suffix = `${options.server.length > 1 ? `-${name}` : ""}${isDebug ? "-debug" : ""}-${client}`;
      for (const [page, which] of [[board, "dashboard"], [list, "notifications"]]) {
        await page.screenshot({ path: path.join(file.dir, `${file.name}${suffix}-${which}${file.ext || ".png"}`) });
      }
    }
  }

  // ---- Cuts

  for (const [by, cut] of [["the server", () => post(server, "/cut")], ["the network", () => proxy.cut()]]) {
    const before = await streams(server);
    const from = proxy.requests.length;
    let isTalking = true;
    // Bounded, or a slow browser would be given more and more to do.
    const talk = (async () => {
      for (let left = 200; isTalking && left > 0; left -= 1) {
        await say(`${by}, message ${said.length + 1}`);
        await sleep(25);
      }
    })();
    await sleep(200);
    const first = said.length;
    await cut();
    const back = async () => {
      const now = await streams(server);
      return Object.keys(before).every((which) => now[which].opened > before[which].opened);
    };
    // Some messages must be missed, some must come live behind them.
    await check(`${name}: cut by ${by}: all come back`, async () => {
      const since = performance.now();
      while (!(await back())) {
        ensure(performance.now() - since < 15 * SECOND, `not back: ${JSON.stringify([before, await streams(server)])}`);
        await sleep(50);
      }
      return `within ${Math.round(performance.now() - since)} ms`;
    });
    await sleep(200);
    isTalking = false;
    await talk;
    await each(`cut by ${by}: nothing is lost or doubled`, async ({ client, list, board, watched }) => {
      await notified(list, said.length);
      await isAllThere(list);
      const { opened } = (await streams(server))[`notifications/${client}`];
      equal(opened, before[`notifications/${client}`].opened + 1, "streams opened");
      const again = proxy.requests.slice(from).filter((head) => head.startsWith(`GET /notifications/live?client=${client}&`));
      equal(again.length, 1, "requests for /notifications/live");
      const id = /^last-event-id: ([0-9a-z]+-\d+)\r$/im.exec(again[0])?.[1];
      ensure(id, `no Last-Event-ID in ${again[0]}`);
      const request = watched[1].requests.findLast((one) => pathOf(one) === "/notifications/live");
      const outcome = await (await request.response()).headerValue("sse-outcome");
      ensure(/^resumed; replayed=[1-9]\d*$/.test(outcome), `the outcome is ${outcome}`);
      await renewed(board, "stats");
      return `lost 0, doubled 0 of ${said.length - first}, ${outcome}`;
    });
  }

  // ---- The end

  await post(server, "/end");
  await sleep(NO_RETURN_FOR);
  const ended = await streams(server);
  await each("m06_m15: after the end the client stays away", async ({ client, board, list, watched }) => {
    for (const [which, page, { requests }] of [["dashboard", board, watched[0]], ["notifications", list, watched[1]]]) {
      const asked = requests.filter((request) => pathOf(request) === `/${which}/live`).length;
      equal(ended[`${which}/${client}`].open, 0, `open streams of ${which}`);
      equal(asked, 3, `requests for /${which}/live`);
      const holds = await page.locator("#live").count();
      equal(holds, client.startsWith("htmx") ? 1 : 0, "elements that hold the stream");
      ensure(await page.locator(which === "dashboard" ? "#stats-update > dl" : "#notification > li").first().isVisible(), "what was shown is gone");
    }
  });
  await each("a page that is opened afterwards, by a link to another client, has a stream again", async ({ client, board }) => {
    const links = board.locator("nav a:not([aria-current])");
    const title = await links.first().textContent();
    await links.first().click();
    await eventually(board, "the page", (other) => document.title.endsWith(other), title);
    await renewed(board, "stats");
    return `${client} to ${title}`;
  });

  await check(`${name}: SIGINT with streams open: exits with 0 within ${SHUTDOWN / SECOND} s`, async () => {
    server.child.kill("SIGINT");
    const { code, signal } = await within(SHUTDOWN, "the process exits", server.exited);
    equal(signal, null, "killed by");
    equal(code, 0, "exit code");
  });

  await each("no exception in the pages", async ({ watched }) => {
    equal(watched.flatMap(({ exceptions }) => exceptions).join("; "), "", "exceptions");
    // What the network did is logged too, by the browser and by htmx, and was meant.
    const isMeant = (text) => text.startsWith("Failed to load resource: net::ERR_") ||
      text === "[object Event]" || /^htmx: htmx:sse:error: (network error|Failed to fetch)/.test(text);
    const others = watched.flatMap(({ consoleErrors }) => consoleErrors).filter((text) => !isMeant(text));
    equal(others.join("; "), "", "console errors");
  });
};

await driveAll(options.server, drive);
