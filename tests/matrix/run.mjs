// Every client against every adapter's server.
//
//   node run.mjs [--adapter NAME]... [--client NAME]... [--check TEXT] [--base URL [--server URL]] [--verbose]
//
// --base asks a server that runs already, perhaps by way of something in between: --server is the server itself then. What needs a
// server of its own is left out. --check runs those whose names hold the text. The server's program is that of
// `cargo build -p sse-matrix`, or SSE_MATRIX; the browsers are CHROMIUM and FIREFOX, and SSE_MATRIX_PYTHON has what
// requirements.txt names.

import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { At, caseChecks, LIVES } from "./checks.mjs";
import { CLIENTS } from "./clients.mjs";
import { ask, BINARY, ensure, PATIENCE, Reader, Server, within } from "./harness.mjs";
import { allow } from "./options.mjs";
import { LAST, replace, SERVER, tellsOfEpochs } from "./shutdown.mjs";

const ADAPTERS = ["hyper", "axum", "actix"];
/** What is known of a server and not ours to change; where it is not so any more, the run fails. */
const NOTICES_BY_WRITING = {
  "actix https": "actix does not look at a stream of HTTP/2 before it has something to write",
};
const SCHEMES = ["http", "https"];
/** What the servers do without a client is told in a row of its own. */
const ITSELF = "(server)";
/** How many lives of a client run at once: browsers have six connections to a host. */
const LANES = 2;

const { values: options } = parseArgs({
  options: {
    adapter: { type: "string", multiple: true, default: ADAPTERS },
    client: { type: "string", multiple: true, default: CLIENTS.map(({ name }) => name) },
    check: { type: "string", default: "" },
    base: { type: "string" },
    server: { type: "string" },
    verbose: { type: "boolean" },
  },
});

allow(options, "adapter", ADAPTERS);
allow(options, "client", CLIENTS.map(({ name }) => name));

// ---- Results ---------------------------------------------------------------------------------------------------------

const results = [];

const check = async (adapter, client, name, run) => {
  if (!name.includes(options.check)) return;
  const began = performance.now();
  let error;
  let detail;
  try {
    detail = await within(3 * PATIENCE, name, run());
  } catch (caught) {
    error = String(caught?.message ?? caught);
  }
  const took = Math.round(performance.now() - began);
  results.push({ adapter, client, name, error, took });
  if (error !== undefined) console.log(`FAIL  ${adapter}: ${client}: ${name}: ${error}`);
  else if (options.verbose) console.log(`ok    ${adapter}: ${client}: ${name} (${detail ? `${detail}, ` : ""}${took} ms)`);
};

/** Says what ends the run before its end; servers and readers go with the process. */
const fail = (why) => {
  console.log(`FAIL  ${why}`);
  const passed = results.filter(({ error }) => error === undefined).length;
  console.log(`${passed} passed, ${results.length - passed + 1} failed`);
  process.exit(1);
};

const table = (adapters) => {
  const rows = [...new Set(results.map(({ client }) => client))];
  const width = Math.max(...rows.map((row) => row.length));
  const cell = (row, adapter) => {
    const of = results.filter((result) => result.client === row && result.adapter === adapter);
    const passed = of.filter(({ error }) => error === undefined).length;
    return (passed === of.length ? `${passed}` : `${passed} of ${of.length}`).padStart(10);
  };
  const line = (name, cells) => console.log(`${name.padEnd(width)}${cells.join("")}`);
  line("", adapters.map((adapter) => adapter.padStart(10)));
  for (const row of rows) line(row, adapters.map((adapter) => cell(row, adapter)));
};

// ---- Clients ---------------------------------------------------------------------------------------------------------

const find = ({ program, variable }) => {
  const named = process.env[variable] || program;
  if (path.isAbsolute(named)) return existsSync(named);
  return (process.env.PATH ?? "").split(path.delimiter).some((dir) => existsSync(path.join(dir, named)));
};

const clients = CLIENTS.filter(({ name }) => options.client.includes(name)).filter(({ name, needs }) => {
  if (!needs || find(needs)) return true;
  console.log(`SKIPPED: ${name}: there is no ${process.env[needs.variable] || needs.program}`);
  return false;
});

/** Runs the checks of a client, some at a time. */
const drive = async (adapter, client, base, server, rows, noticesByWriting) => {
  const types = rows.flatMap(({ events }) => events.map(({ type }) => type));
  const cases = caseChecks(rows);
  const unknown = client.exceptions.filter(({ name }) => !rows.some((row) => row.name === name));
  ensure(unknown.length === 0, `${client.name} has exceptions for what is no case: ${unknown.map(({ name }) => name)}`);
  const lives = LIVES.filter(({ is }) => !is || is(client));
  const lane = async (checks) => {
    for (let next = checks.shift(); next; next = checks.shift()) {
      const { name, run } = next;
      const who = `${client.name}-${name.replaceAll(/[^a-z]+/g, "-")}`;
      const at = new At({ client, base, server, who, types, noticesByWriting });
      await check(adapter, client.name, name, () => run(at));
      // One that ran out of time would go on.
      at.stop();
    }
  };
  await Promise.all([lane(cases), ...Array.from({ length: LANES }, () => lane(lives))]);
};

const rowsOf = async (url) => (await ask(url, "/cases.json")).json();

// ---- Adapters ---------------------------------------------------------------------------------------------------------

const driveScheme = async (adapter, scheme) => {
  const ours = clients.filter((client) => client.scheme === scheme);
  const server = await Server.start(BINARY, adapter, scheme);
  try {
    const rows = await rowsOf(server.url);
    const all = (checks) => Promise.all(checks.filter(({ is }) => !is || is(scheme)).map(({ name, run }) =>
      check(adapter, ITSELF, `${name}, ${scheme}`, () => run(server))));
    const known = NOTICES_BY_WRITING[`${adapter} ${scheme}`];
    await Promise.all(ours.map((client) => drive(adapter, client, server.url, server.url, rows, known)));
    await all(SERVER);
    await all(LAST);
    await driveShutdown(adapter, scheme, ours, rows);
  } finally {
    await server.kill();
  }
};

const driveShutdown = async (adapter, scheme, clients, rows) => {
  const types = rows.flatMap(({ events }) => events.map(({ type }) => type));
  const name = "SIGTERM: goes on at a second instance, exactly once";
  if (!name.includes(options.check)) return;
  let replaced;
  await check(adapter, ITSELF, `SIGTERM: exits with 0 within seconds, ${scheme}`, async () => {
    replaced = await replace({ binary: BINARY, adapter, scheme, clients, types });
    return replaced.exits;
  });
  if (!replaced) return;
  const { second, runs, closed, position } = replaced;
  try {
    await check(adapter, ITSELF, `SIGTERM: streams end cleanly, connections are closed, ${scheme}`, () => closed);
    await Promise.all(runs.map(({ client, over }) => check(adapter, client.name, name, () => over)));
    const teller = clients.find(({ reconnects }) => !reconnects);
    if (teller) {
      const told = "SIGTERM: a topic of the second instance tells of the reset";
      await check(adapter, teller.name, told, () => tellsOfEpochs(teller, second.url, position, types));
    }
  } finally {
    for (const { stop } of runs) stop();
    await second.kill();
  }
};

/** Starts what the clients run in, which takes long and is nothing to be checked. */
const startReaders = async () => {
  const servers = await Promise.all(SCHEMES.map((scheme) => Server.start(BINARY, ADAPTERS[0], scheme)));
  await Reader.start(clients, ({ scheme }) => servers[SCHEMES.indexOf(scheme)].url);
  await Promise.all(servers.map((server) => server.kill()));
};

const driveBase = async (base, server) => {
  await Reader.start(clients, () => base);
  const rows = await rowsOf(base);
  await Promise.all(clients.map((client) => drive("base", client, base, server, rows)));
};

const began = performance.now();
const adapters = options.base ? ["base"] : options.adapter;
ensure(options.base || existsSync(BINARY), `${BINARY} is missing: cargo build -p sse-matrix`);
try {
  if (options.base) {
    await driveBase(options.base, options.server ?? options.base);
  } else {
    await startReaders();
    for (const adapter of adapters) await Promise.all(SCHEMES.map((scheme) => driveScheme(adapter, scheme)));
  }
} catch (error) {
  fail(String(error?.message ?? error));
}
if (results.length === 0) fail(`nothing was checked; --check is "${options.check}"`);
for (const { name, ended } of Reader.finish()) await check(adapters.at(-1), "(readers)", `${name} ends`, () => ended);

console.log("");
table(adapters);
for (const { name, noticed } of clients.filter(({ noticed }) => noticed)) {
  console.log(`${name}: a departure was noticed after ${noticed.map((ms) => ms.toFixed(1)).join(", ")} ms (medians)`);
}
const failed = results.filter(({ error }) => error !== undefined).length;
console.log(`${((performance.now() - began) / 1_000).toFixed(1)} s`);
console.log(failed === 0 ? `${results.length} checks passed` : `${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 && results.length > 0 ? 0 : 1);
