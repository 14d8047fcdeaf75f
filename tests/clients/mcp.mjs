// The released clients of the Model Context Protocol against the example `mcp`: SDK 1 and SDK 2 with sessions and streams that
// resume (2025-11-25), SDK 2 without either (2026-07-28).
//
//   node mcp.mjs [--server COMMAND]...
//
// A command is started as in ../browser/run.mjs. Between client and server stands a proxy that cuts connections when told.

import net from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import * as modern from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { check, eachOf, ensure, equal, SECOND, start, summarise, within } from "../browser/harness.mjs";

const PATIENCE = 20 * SECOND;
/** More than the server's `retry`, several times over. */
const NO_REQUEST_FOR = SECOND;

const { values: options } = parseArgs({
  options: {
    server: { type: "string", multiple: true, default: ["cargo run -q -p sse-axum --example mcp"] },
  },
});

// ---- Proxy ---------------------------------------------------------------------------------------------------------

/** Passes bytes on; `cut` breaks what is open, `cutBehind` the next answers that hold these texts, right behind them. */
const startProxy = async (url) => {
  const sockets = new Set();
  let texts = [];
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(url.port), url.hostname);
    sockets.add(client);
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      const at = texts.length > 0 ? chunk.indexOf(texts[0]) : -1;
      if (at < 0) return client.write(chunk);
      client.end(chunk.subarray(0, at + texts.shift().length));
      upstream.destroy();
    });
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      socket.on("error", () => {});
      socket.on("close", () => { other.destroy(); sockets.delete(client); });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(url.pathname, `http://127.0.0.1:${server.address().port}`),
    cut: () => { for (const socket of sockets) socket.resetAndDestroy(); },
    cutBehind: (...behind) => { texts = behind; },
    close: () => { server.close(); for (const socket of sockets) socket.destroy(); },
  };
};

// ---- Clients -------------------------------------------------------------------------------------------------------

const KINDS = [
  { name: "sdk 1", Client, Transport: StreamableHTTPClientTransport, version: "2025-11-25", options: {} },
  {
    name: "sdk 2", Client: modern.Client, Transport: modern.StreamableHTTPClientTransport, version: "2025-11-25", options: {},
  },
  {
    name: "sdk 2", Client: modern.Client, Transport: modern.StreamableHTTPClientTransport, version: "2026-07-28",
    options: { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  },
];

/** A client that is connected, what it asked, and what came on the wire. */
const connect = async (kind, url) => {
  const requests = [];
  const seen = { wire: "" };
  const tapped = async (input, init) => {
    const headers = new Headers(init.headers);
    const request = { method: init.method, lastEventId: headers.get("last-event-id"), status: 0 };
    requests.push(request);
    const response = await fetch(input, init);
    request.status = response.status;
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    const [theirs, ours] = response.body.tee();
    (async () => {
      for await (const text of ours.pipeThrough(new TextDecoderStream())) seen.wire += text;
    })().catch(() => {});
    return new Response(theirs, response);
  };
  const client = new kind.Client({ name: "clients-test", version: "1.0.0" }, kind.options);
  const transport = new kind.Transport(url, { fetch: tapped });
  await client.connect(transport);
  return { client, transport, requests, seen };
};

const steps = (to) => Array.from({ length: to }, (_, index) => index + 1).join();

/** Calls the tool and gives the steps that it told of; `onStep` is called at each. */
const count = async (client, args, onStep = () => {}, extra = {}) => {
  const told = [];
  const onprogress = ({ progress, total }) => {
    told.push(progress);
    equal(total, args.to, "total");
    onStep(progress);
  };
  const call = { name: "count", arguments: args };
  const callOptions = { onprogress, timeout: PATIENCE, ...extra };
  // SDK 1 takes a schema between the two.
  const called = client instanceof Client ? client.callTool(call, undefined, callOptions) : client.callTool(call, callOptions);
  const { content } = await called;
  equal(content[0].text, `count counted to ${args.to}`, "result");
  return told.join();
};

const thrown = async (run) => {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

const resumptions = (requests) => requests.filter(({ method, lastEventId }) => method === "GET" && lastEventId !== null);

// ---- Checks --------------------------------------------------------------------------------------------------------

const both = async (name, kind, url) => {
  await check(`${name}: connects, and agrees on the version`, async () => {
    const { client, transport } = await connect(kind, url);
    equal(client.getServerVersion()?.name, "sse-axum-mcp", "server");
    const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
    equal(version, kind.version, "version");
    const { tools } = await client.listTools();
    equal(tools.map((tool) => tool.name).join(), "count", "tools");
    await client.close();
    return version;
  });

  await check(`${name}: a tool tells of each step, then of its result`, async () => {
    const { client, requests } = await connect(kind, url);
    equal(await count(client, { to: 10 }), steps(10), "steps");
    equal(resumptions(requests).length, 0, "resumptions");
    await client.close();
  });

  await check(`${name}: calls at the same time do not mix`, async () => {
    const { client } = await connect(kind, url);
    const counted = await Promise.all([5, 9, 13].map((to) => count(client, { to })));
    equal(counted.join(";"), [5, 9, 13].map(steps).join(";"), "steps");
    await client.close();
  });

  await check(`${name}: a tool or arguments that do not exist are an error, and nothing is asked again`, async () => {
    const { client, requests } = await connect(kind, url);
    const asked = requests.length;
    await thrown(() => client.callTool({ name: "sum", arguments: {} }));
    equal((await thrown(() => count(client, { to: 0 }))).code, -32602, "code");
    equal(resumptions(requests.slice(asked)).length, 0, "resumptions");
    await client.close();
  });
};

const withSessions = async (name, kind, url, proxy) => {
  await check(`${name}: a server that hangs up on purpose is come back to, and no step is lost or doubled`, async () => {
    const { client, requests, seen } = await connect(kind, url);
    equal(await count(client, { to: 10, hangUpAfter: 3 }), steps(10), "steps");
    equal(resumptions(requests).map(({ lastEventId }) => lastEventId).join(), "1-3", "Last-Event-ID");
    ensure(seen.wire.startsWith("id: 1-0\nretry: 200\ndata: \n\n"), "the priming event is not the first");
    await client.close();
  });

  await check(`${name}: a connection that breaks is resumed, and no step is lost or doubled`, async () => {
    const { client, requests } = await connect(kind, proxy.url);
    const told = await count(client, { to: 30 }, (step) => { if (step === 4 || step === 15) proxy.cut(); });
    equal(told, steps(30), "steps");
    const times = resumptions(requests).length;
    ensure(times >= 2, `${times} resumptions`);
    await client.close();
    return `${times} resumptions`;
  });

  await check(`${name}: a connection that breaks again before the first step is resumed at the same place`, async () => {
    const { client, requests } = await connect(kind, proxy.url);
    const priming = "retry: 200\ndata: \n\n";
    const cutTwice = (step) => { if (step === 3) proxy.cutBehind(priming, priming); };
    equal(await count(client, { to: 30, hangUpAfter: 3 }, cutTwice), steps(30), "steps");
    equal(resumptions(requests).map(({ lastEventId }) => lastEventId).join(), "1-3,1-3,1-3", "Last-Event-ID");
    await client.close();
  });

  await check(`${name}: a call that is cancelled ends, and its client does not come back`, async () => {
    const { client, requests } = await connect(kind, url);
    const stop = new AbortController();
    const counting = count(client, { to: 500 }, (step) => { if (step === 3) stop.abort(); }, { signal: stop.signal });
    await thrown(() => counting);
    await sleep(NO_REQUEST_FOR);
    const asked = resumptions(requests);
    ensure(asked.length <= 1 && asked.every(({ status }) => status === 405), JSON.stringify(asked));
    await client.close();
    return `asked ${asked.length} times`;
  });

  await check(`${name}: a session that was ended is not known any more`, async () => {
    const { client, transport, requests } = await connect(kind, url);
    ensure(/^[0-9a-f]{32}$/.test(transport.sessionId), `the session is ${transport.sessionId}`);
    const id = transport.sessionId;
    await transport.terminateSession();
    equal(requests.at(-1).status, 204, "status of DELETE");
    const again = new kind.Transport(url, { sessionId: id });
    await again.start();
    const error = await thrown(() => again.send({ jsonrpc: "2.0", id: 1, method: "tools/list" }));
    ensure(/Session not found/.test(error.message), error.message);
    await client.close();
  });
};

const withoutSessions = async (name, kind, url, proxy) => {
  await check(`${name}: there is no session, no id, no GET and no DELETE`, async () => {
    const { client, transport, requests, seen } = await connect(kind, url);
    equal(await count(client, { to: 5 }), steps(5), "steps");
    await client.close();
    equal(transport.sessionId, undefined, "session");
    equal([...new Set(requests.map(({ method }) => method))].join(), "POST", "methods");
    ensure(!/^(id|retry):/m.test(seen.wire), "an id on the wire");
    ensure(seen.wire.includes('"resultType":"complete"'), "no result type");
  });

  await check(`${name}: a connection that breaks is the end of the call`, async () => {
    const { client, requests } = await connect(kind, proxy.url);
    await thrown(() => count(client, { to: 100 }, (step) => { if (step === 3) proxy.cut(); }));
    equal(resumptions(requests).length, 0, "resumptions");
    await client.close();
  });
};

const drive = async (command) => {
  const server = await start(command, 0);
  const url = new URL(server.url);
  const proxy = await startProxy(url);
  try {
    for (const kind of KINDS) {
      const name = `sse-axum: ${kind.name}, ${kind.version}`;
      await both(name, kind, url);
      const rest = kind.version === "2025-11-25" ? withSessions : withoutSessions;
      await within(6 * PATIENCE, name, rest(name, kind, url, proxy));
    }
  } finally {
    proxy.close();
    server.child.kill("SIGKILL");
    await server.exited;
  }
};

await eachOf(options.server, drive);
summarise();
