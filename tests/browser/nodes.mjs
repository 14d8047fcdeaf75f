// Drives `cargo xtask nodes`: tabs of Chromium at three nodes of the chat behind nginx, which share one Redis Stream.
//
//   node nodes.mjs [--screenshot FILE]

import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { check, driveAll, ensure, equal, ROOT, SECOND, until as untilIn, watch, within } from "./harness.mjs";

const TABS = 4;
const BUILT_AND_LISTENING = 900 * SECOND;

const { values: options } = parseArgs({ options: { screenshot: { type: "string" } } });

const freePort = async () => {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
};

/** The command, and what it says that it started. */
const startAll = async () => {
  const child = spawn("cargo", ["xtask", "nodes", "--port", String(await freePort())], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const exited = once(child, "exit");
  const started = { child, exited, nodes: [] };
  const lines = readline.createInterface({ input: child.stdout });
  const listening = new Promise((resolve) => {
    lines.on("line", (line) => {
      const [, framework, address, pid] = /^node on (\S+) (\S+) pid (\d+)$/.exec(line) ?? [];
      if (framework) started.nodes.push({ framework, url: `http://${address}/`, pid: Number(pid) });
      const [, port, redis] = /^redis-server \S+:(\d+) pid (\d+)$/.exec(line) ?? [];
      if (port) started.redis = { port, pid: Number(redis) };
      const [, url] = /^listening on (\S+)$/.exec(line) ?? [];
      if (url) resolve(url);
    });
  });
  const ended = exited.then(() => { throw new Error("it ended at once"); });
  started.url = await within(BUILT_AND_LISTENING, "nginx listens", Promise.race([listening, ended]));
  return started;
};

const until = (page, what, condition, argument) => untilIn(page, "chat", what, condition, argument);

const state = (page) => page.evaluate(() => window.chat.state());

const post = (url, text) =>
  fetch(new URL("/say", url), { method: "POST", body: JSON.stringify({ room: "lobby", name: "Carol", text }) });

const drive = async (browser, started) => {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 } });
  const tabs = await Promise.all(Array.from({ length: TABS }, () => context.newPage()));
  const watched = tabs.map(watch);
  const { nodes } = started;
  const said = [];
  const say = async (node, text) => {
    const answer = await post(node.url, text);
    equal(answer.status, 200, `status of /say at ${node.framework}`);
    said.push({ id: await answer.text(), text });
  };
  const heard = (pages) => Promise.all(pages.map((page) =>
    until(page, `message ${said.length}`, ({ messages }, count) => messages.length >= count, said.length)));
  const allHaveAll = async () => {
    await heard(tabs);
    for (const page of tabs) {
      const { messages, lost, doubled, gaps, resets } = await state(page);
      equal(JSON.stringify(messages.map(({ id, text }) => ({ id, text }))), JSON.stringify(said), "messages");
      equal([lost, doubled, gaps, resets].join(), "0,0,0,0", "lost, doubled, gaps, resets");
    }
  };

  await check("b07: tabs at three nodes see each other and all nodes", async () => {
    for (const page of tabs) await page.goto(started.url);
    for (const page of tabs) {
      await until(page, "all nodes and tabs", ({ presence, metric }, tabs) => presence === tabs && metric?.nodes === 3, TABS);
    }
  });

  await check("b07: what is said at any node is heard at all, with the same ids, in one order", async () => {
    for (const node of [...nodes, ...nodes]) await say(node, `said at ${node.framework}\r\n\r\nevent: admin`);
    await allHaveAll();
    const page = tabs[0];
    await page.fill("#name", "Ada");
    await page.fill("#text", "through nginx");
    await page.press("#text", "Enter");
    await until(tabs[1], "what was typed", ({ messages }) => messages.at(-1)?.text === "through nginx");
    said.push({ id: (await state(tabs[1])).messages.at(-1).id, text: "through nginx" });
    await allHaveAll();
    if (options.screenshot) await page.screenshot({ path: options.screenshot });
  });

  for (const [round, dead] of nodes.slice(0, 2).entries()) {
    await check(`b07: a node that is killed (${dead.framework}) costs no tab anything`, async () => {
      const before = await Promise.all(tabs.map(state));
      process.kill(dead.pid, "SIGKILL");
      const alive = nodes.slice(round + 1);
      for (let index = 0; index < 20; index += 1) {
        await say(alive[index % alive.length], `${index} without ${dead.framework}`);
        await sleep(50);
      }
      await allHaveAll();
      const after = await Promise.all(tabs.map(state));
      const moved = after.filter(({ reconnects }, tab) => reconnects > before[tab].reconnects).length;
      ensure(moved > 0, "nobody was at that node");
      for (const page of tabs) {
        await until(page, "the others", ({ presence, metric }, [tabs, nodes]) => presence === tabs && metric.nodes === nodes,
          [TABS, alive.length]);
      }
      return `${moved} of ${TABS} tabs moved`;
    });
  }

  await check("b07: while the engine is gone tabs are told, nothing can be said, and streams stay", async () => {
    process.kill(started.redis.pid, "SIGKILL");
    for (const page of tabs) await until(page, "that the log is gone", ({ isStale }) => isStale);
    equal((await post(nodes[2].url, "unheard")).status, 503, "status of /say");
    for (const page of tabs) equal((await state(page)).connection, "open", "connection");
  });

  await check("b07: an engine that comes back empty is told as such, and the chat goes on", async () => {
    const redis = spawn("redis-server", ["--port", started.redis.port, "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" });
    started.ends.push(() => redis.kill("SIGKILL"));
    for (const page of tabs) await until(page, "the reset", ({ resets, isStale }) => resets > 0 && !isStale);
    said.length = 0;
    await say(nodes[2], "again");
    for (const page of tabs) {
      await until(page, "what is said", ({ messages }) => messages.at(-1)?.text === "again");
      const { lost, doubled } = await state(page);
      equal([lost, doubled].join(), "0,0", "lost, doubled");
    }
  });

  await check("b07: no exception in the pages", async () => {
    equal(watched.flatMap(({ exceptions }) => exceptions).join("; "), "", "exceptions");
  });
};

await driveAll(["cargo xtask nodes"], async (browser) => {
  const started = await startAll();
  started.ends = [() => process.kill(-started.child.pid, "SIGINT")];
  try {
    await drive(browser, started);
    await check("b07: Ctrl-C ends all", async () => {
      started.ends.shift()();
      await within(10 * SECOND, "it ends", started.exited);
      const isThere = ({ pid }) => { try { return process.kill(pid, 0); } catch { return false; } };
      const gone = async () => { while (started.nodes.some(isThere)) await sleep(20); };
      await within(10 * SECOND, "the nodes are gone", gone());
    });
  } finally {
    for (const end of started.ends) try { end(); } catch { /* it is gone */ }
  }
});
