// Proxies as ordinary processes: a configuration in a directory of their own, free ports, gone with this script.

import { execFile } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { promisify } from "node:util";

import { endOnSignals, endOwned, makeOwned, spawnOwned } from "../owned.mjs";

const LISTENING = 20_000;
const ATTEMPTS = 3;
// Below the ports that Linux gives to outgoing connections: one of those could take a server's port while it restarts.
const PORTS = { from: 10_000, count: 20_000 };

const run = promisify(execFile);
endOnSignals();

const given = new Set();

/** No port twice: HAProxy and Caddy would share one with another of their kind. */
export const freePort = async () => {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
    if (given.has(port)) continue;
    given.add(port);
    const server = net.createServer();
    try {
      await new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, "127.0.0.1", resolve);
      });
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
};

/** A directory that goes with the script's end, and a certificate for localhost in it. */
export const makeDirectory = async () => {
  const directory = makeOwned("sse-proxies-");
  const certificate = { chain: `${directory}/chain.pem`, key: `${directory}/key.pem`, both: `${directory}/both.pem` };
  await run("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout", certificate.key, "-out", certificate.chain,
  ]);
  const parts = await Promise.all([certificate.chain, certificate.key].map((part) => fs.readFile(part)));
  await fs.writeFile(certificate.both, Buffer.concat(parts));
  return { directory, certificate };
};

export const versionOf = async (proxy) => {
  const [program, ...args] = proxy.version;
  const { stdout, stderr } = await run(program, args);
  return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? "of an unknown version";
};

/** Starts a proxy in front of the server at `upstream`; `fronts` say where each listens and what curl needs for it. */
export const startProxy = async (proxy, place, upstream) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptProxy(proxy, place, upstream);
    } catch (error) {
      // Another program may have taken a port meanwhile.
      if (attempt === ATTEMPTS) throw error;
    }
  }
};

const attemptProxy = async (proxy, place, upstream) => {
  const directory = await fs.mkdtemp(path.join(place.directory, `${proxy.name}-`));
  const ports = {};
  for (const front of Object.keys(proxy.fronts)) ports[front] = await freePort();
  const { certificate } = place;
  await fs.writeFile(path.join(directory, proxy.file), proxy.configuration({ directory, upstream, ports, certificate }));
  for (const [other, text] of Object.entries(proxy.files?.(directory) ?? {})) await fs.writeFile(other, text);
  const child = await spawnListening(proxy.command(directory), directory, Object.values(ports));
  const fronts = Object.entries(proxy.fronts).map(([front, settings]) => ({
    ...settings,
    proxy: proxy.name,
    front,
    name: `${proxy.name}, ${front}`,
    url: settings.tls ? `https://localhost:${ports[front]}` : `http://127.0.0.1:${ports[front]}`,
    args: settings.tls ? ["--http2", "--cacert", certificate.chain] : [],
  }));
  return { fronts, stop: () => stop(child) };
};

const spawnListening = async ([program, ...args], directory, ports) => {
  const child = spawnOwned(program, args, {
    // Where Caddy keeps what it wants to remember.
    env: { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
    stdio: ["ignore", "ignore", "pipe"],
    // nginx has workers that would outlive it.
    detached: true,
  });
  let said = "";
  child.stderr.on("data", (text) => { said = (said + text).slice(-4_000); });
  const exited = once(child, "exit").then(([code, signal]) => {
    throw new Error(`${program} exited (${code ?? signal}): ${said}`);
  });
  exited.catch(() => {});
  try {
    for (const port of ports) await Promise.race([listening(program, port), exited]);
  } catch (error) {
    endOwned(child);
    throw error;
  }
  return child;
};

const listening = async (program, port) => {
  const deadline = Date.now() + LISTENING;
  while (Date.now() < deadline) {
    const socket = net.connect(port, "127.0.0.1");
    const connected = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (connected) return;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  throw new Error(`${program} does not listen on ${port}`);
};

const stop = async (child) => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const killing = setTimeout(() => endOwned(child), 5_000);
  await exited;
  clearTimeout(killing);
};
