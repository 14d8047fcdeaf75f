// Drives the chat of each example server in two tabs of Chromium.
//
//   node chat.mjs [--server COMMAND]... [--screenshot FILE] [--scheme light|dark]
//
// As run.mjs.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { check, driveAll, ensure, equal, eventually, examples, pathOf, SECOND, SHUTDOWN, start, until as untilIn, watch, within } from "./harness.mjs";

const HOSTILE = [
  "a\n\nevent: admin\ndata: PWNED\n\n",
  "a\r\n\r\nevent: chat\r\ndata: {\"n\":1}\r\n\r\n",
  "a\r\revent: admin\rdata: PWNED\r\r",
  "data: x\nid: 666\nretry: 1\n: comment",
  "<script>alert(1)</script><img src=x onerror=alert(2)>",
  "before\0after \x1b[31m \x07",
  "nel\x85ls\u2028ps\u2029end \ufeff \u202e rtl",
  "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 Z͑ͫa͊ͮl͈̍go",
  "   spaces   \n\n\n",
  "\\u0000 \\n {\"text\":\"x\"} ]}",
  "0123456789abcdef".repeat(4_000),
];
const NAME = "<b>eve</b>\n\nevent: x";

const { values: options } = parseArgs({
  options: {
    server: { type: "string", multiple: true, default: examples("chat", "--features broadcast") },
    screenshot: { type: "string" },
    scheme: { type: "string", default: "light" },
  },
});

const state = (page) => page.evaluate(() => window.chat.state());

const until = (page, what, condition, argument) => untilIn(page, "chat", what, condition, argument);

/** Waits until every page has shown the message `n`. */
const heard = (pages, n) => Promise.all(pages.map((page) =>
  until(page, `message ${n}`, ({ messages }, last) => messages.at(-1)?.n === last, n)));

const say = async (page, text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
};

const post = async (server, room, name, text) => {
  const answer = await fetch(new URL("/say", server.url), { method: "POST", body: JSON.stringify({ room, name, text }) });
  equal(answer.status, 200, "status of /say");
  return answer.text();
};

const drive = async (browser, command) => {
  let server = await start(command, 0);
  const context = await browser.newContext({ colorScheme: options.scheme, viewport: { width: 1180, height: 760 } });
  const tabs = [await context.newPage(), await context.newPage()];
  const [ada, bob] = tabs;
  const watched = tabs.map(watch);
  const said = [];

  try {
    let name = command;
    await check(`${command}: two tabs open the room and count each other`, async () => {
      for (const [page, who] of [[ada, "Ada"], [bob, "Bob"]]) {
        await page.goto(server.url);
        await page.fill("#name", who);
      }
      for (const page of tabs) await until(page, "two clients", ({ presence }) => presence === 2);
      const about = await (await fetch(new URL("/about.json", server.url))).json();
      name = about.framework;
      equal(await ada.textContent("#presence"), "2 here", "shown");
    });

    await check(`${name}: both see what each says, in order`, async () => {
      for (let index = 1; index <= 6; index += 1) {
        said.push(`line ${index}`);
        await say(index % 2 ? ada : bob, said.at(-1));
        await heard(tabs, said.length);
      }
      for (const page of tabs) {
        const { messages } = await state(page);
        equal(messages.map(({ text }) => text).join(), said.join(), "texts");
        equal(messages.map((message) => message.name).join(), "Ada,Bob,Ada,Bob,Ada,Bob", "names");
        ensure(messages.every(({ id }) => /^[0-9a-z]+-\d+$/.test(id)), "every message has an id");
      }
    });

    await check(`${name}: hostile text is shown as it was posted`, async () => {
      for (const text of HOSTILE) {
        said.push(text);
        await post(server, "lobby", NAME, text);
      }
      await heard(tabs, said.length);
      for (const page of tabs) {
        const { messages } = await state(page);
        equal(messages.length, said.length, "messages");
        for (const { n, text } of messages) equal(text, said[n - 1], `message ${n}`);
        const shown = await page.locator("#messages .text").evaluateAll((nodes) => nodes.map((node) => node.textContent));
        equal(shown.join("|"), said.join("|"), "the texts shown");
        equal(await page.locator("#messages .name").last().textContent(), NAME, "the name shown");
        equal(await page.locator("#messages img, #messages script, #messages b").count(), 0, "elements made of text");
      }
      return `${HOSTILE.length} texts`;
    });

    await check(`${name}: what is too long or no message is refused`, async () => {
      for (const body of ["{", JSON.stringify({ room: "lobby", name: "x", text: "x".repeat(70_000) })]) {
        equal((await fetch(new URL("/say", server.url), { method: "POST", body })).status, 400, "status");
      }
    });

    await check(`${name}: what was said last is in view, and stays out of it for who reads above`, async () => {
      await ada.bringToFront();
      const scrollTo = (top) => ada.evaluate((to) => { document.getElementById("messages").scrollTop = to; }, top);
      const rest = () => {
        const { scrollHeight, scrollTop, clientHeight } = document.getElementById("messages");
        return scrollHeight - scrollTop - clientHeight;
      };
      await eventually(ada, "the end", `(${rest})() < 60`);
      await scrollTo(0);
      said.push("below");
      await post(server, "lobby", "Carol", said.at(-1));
      await heard(tabs, said.length);
      await sleep(200);
      const far = await ada.evaluate(rest);
      ensure(far > 60, `it scrolled to ${far} before the end`);
      await scrollTo(1e6);
      said.push("at the end");
      await post(server, "lobby", "Carol", said.at(-1));
      await heard(tabs, said.length);
      await eventually(ada, "the end again", `(${rest})() < 60`);
    });

    await check(`${name}: the metric is renewed`, async () => {
      const { metrics } = await state(ada);
      await until(ada, "another figure", (now, before) => now.metrics > before && now.metric.clients === 2, metrics);
    });

    if (options.screenshot) {
      const file = path.parse(path.resolve(options.screenshot));
      const suffix = options.server.length > 1 ? `-${name}` : "";
      const room = await context.newPage();
      await room.goto(new URL("/?room=rust", server.url).href);
      for (const [who, text] of [
        ["Ada", "The stream was cut while I was typing. Did you see that?"],
        ["Bob", "No. Same ids, nothing missing: it just went on."],
        ["Grace", "One log, many cursors. A client that comes back is a cursor that is set further back."],
        ["Ada", "And <b>markup</b> stays text:\n  fn main() { println!(\"hello\"); }"],
      ]) await post(server, "rust", who, text);
      await heard([room], 4);
      await until(room, "a figure", ({ metric }) => metric !== null);
      await room.screenshot({ path: path.join(file.dir, `${file.name}${suffix}${file.ext || ".png"}`) });
      await room.close();
    }

    for (const round of [1, 2, 3]) {
      await check(`${name}: cut ${round} while people talk: nothing is lost or doubled`, async () => {
        const from = watched.map(({ requests }) => requests.length);
        let isTalking = true;
        // Bounded, or a slow browser would be given more and more to do.
        const talk = (async () => {
          for (let left = 100; isTalking && left > 0; left -= 1) {
            said.push(`round ${round}, message ${said.length + 1}`);
            await post(server, "lobby", "Talker", said.at(-1));
            await sleep(20);
          }
        })();
        await sleep(200);
        try {
          await (round === 1 ? ada.click("#cut") : fetch(new URL("/cut", server.url), { method: "POST" }));
          for (const page of tabs) await until(page, "a reconnect", ({ reconnects }, n) => reconnects >= n, round);
          await sleep(200);
        } finally {
          isTalking = false;
          await talk;
        }
        await heard(tabs, said.length);
        const outcomes = [];
        for (const [index, page] of tabs.entries()) {
          const { messages, lost, doubled, resets, gaps, reconnects } = await state(page);
          equal(messages.map(({ n }) => n).join(), said.map((_, at) => at + 1).join(), "numbers");
          equal(messages.map(({ text }) => text).join("|"), said.join("|"), "texts");
          equal(new Set(messages.map(({ id }) => id)).size, said.length, "different ids");
          equal([lost, doubled, resets, gaps, reconnects].join(), [0, 0, 0, 0, round].join(), "lost, doubled, resets, gaps, reconnects");
          const back = watched[index].requests.slice(from[index]).filter((request) => pathOf(request) === "/events");
          equal(back.length, 1, "requests for /events");
          ensure(/^[0-9a-z]+-\d+$/.test((await back[0].allHeaders())["last-event-id"]), "a Last-Event-ID");
          const outcome = await (await back[0].response()).headerValue("sse-outcome");
          ensure(/^resumed; replayed=\d+$/.test(outcome), `the outcome is ${outcome}`);
          outcomes.push(outcome);
        }
        return outcomes.join(", ");
      });
    }

    await check(`${name}: another room is another room, and shows late-comers what was said`, async () => {
      const other = await context.newPage();
      await other.goto(new URL("/?room=other", server.url).href);
      await post(server, "other", "Carol", "nobody hears me");
      await heard([other], 1);
      await other.goto(server.url);
      await heard([other], said.length);
      const { messages, lost, doubled } = await state(other);
      equal(messages.length, said.length, "messages");
      equal([lost, doubled].join(), "0,0", "lost, doubled");
      await until(ada, "three clients", ({ presence }) => presence === 3);
      await other.close();
      await until(ada, "two clients", ({ presence }) => presence === 2);
      equal((await state(ada)).messages.length, said.length, "messages");
    });

    await check(`${name}: a tab that is closed is no longer counted`, async () => {
      await bob.close();
      await until(ada, "one client", ({ presence }) => presence === 1);
      equal(await ada.textContent("#presence"), "1 here", "shown");
    });

    await check(`${name}: SIGINT with streams open: exits with 0 within ${SHUTDOWN / SECOND} s`, async () => {
      const sent = performance.now();
      server.child.kill("SIGINT");
      const { code, signal } = await within(SHUTDOWN, "the process exits", server.exited);
      equal(signal, null, "killed by");
      equal(code, 0, "exit code");
      return `${Math.round(performance.now() - sent)} ms`;
    });

    await check(`${name}: after a restart the page is told, and starts anew`, async () => {
      server.child.kill("SIGKILL");
      await server.exited;
      server = await start(command, new URL(server.url).port);
      await until(ada, "the reset", ({ resets, connection }) => resets === 1 && connection === "open");
      ensure(await ada.locator("#messages .notice.warn").isVisible(), "the reset is not shown");
      await post(server, "lobby", "Ada", "again");
      await heard([ada], 1);
      const { messages, lost, doubled } = await state(ada);
      equal([messages.length, lost, doubled].join(), "1,0,0", "messages, lost, doubled");
    });

    await check(`${name}: no exception in the pages`, async () => {
      equal(watched.flatMap(({ exceptions }) => exceptions).join("; "), "", "exceptions");
      // What the network did is logged too, and was meant.
      const others = watched.flatMap(({ consoleErrors }) => consoleErrors)
        .filter((text) => !text.startsWith("Failed to load resource: net::ERR_"));
      equal(others.join("; "), "", "console errors");
    });
  } finally {
    await context.close();
    server.child.kill("SIGKILL");
    await server.exited;
  }
};

await driveAll(options.server, drive);
