// The matrix's server behind the proxies: one port for its whole life, so that it can die and come back.

import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

import { ensure, SECOND, within } from "../../browser/harness.mjs";
import { endOwned, spawnOwned } from "../owned.mjs";
import { freePort } from "./process.mjs";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BUILT = 900 * SECOND;
const LISTENING = 20 * SECOND;
const STOPPED = 20 * SECOND;
const ATTEMPTS = 3;

/** Builds the server, and says where it is. */
export const build = async () => {
  const args = ["build", "-q", "-p", "sse-matrix", "--message-format", "json-render-diagnostics"];
  const cargo = spawn("cargo", args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(cargo, "exit");
  let program = null;
  for await (const line of readline.createInterface({ input: cargo.stdout })) {
    program = JSON.parse(line).executable ?? program;
  }
  const [code] = await within(BUILT, "the server is built", exited);
  ensure(code === 0 && program !== null, `cargo build: ${code}`);
  return program;
};

export class Server {
  #program;
  #adapter;
  #child;
  #exited;

  static async start(program, adapter) {
    const server = new Server();
    server.#program = program;
    server.#adapter = adapter;
    for (let attempt = 1; ; attempt += 1) {
      server.port = await freePort();
      try {
        await server.restart();
        return server;
      } catch (error) {
        // Another program may have taken the port meanwhile.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  get url() { return `http://127.0.0.1:${this.port}`; }

  async restart() {
    const child = spawnOwned(this.#program, ["--adapter", this.#adapter, "--port", String(this.port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    this.#exited = once(child, "exit").then(([code, signal]) => code ?? signal);
    const lines = readline.createInterface({ input: child.stdout });
    const listening = new Promise((resolve) => { lines.on("line", (line) => { if (line.startsWith("listening on ")) resolve(); }); });
    const died = this.#exited.then((how) => { throw new Error(`the server exited at once (${how})`); });
    died.catch(() => {});
    await within(LISTENING, "the server listens", Promise.race([listening, died])).catch((error) => {
      endOwned(child);
      throw error;
    });
  }

  /** Ends it without a warning. */
  async kill() {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Asks it to end; how it did, and when. */
  async terminate() {
    const asked = Date.now();
    this.#child.kill("SIGTERM");
    const how = await within(STOPPED, "the server exits", this.#exited);
    return { how, took: Date.now() - asked };
  }

  /** The id of the event. */
  async publish(topic, data) {
    const { status, body } = await this.#ask("POST", `/topic/${topic}`, data);
    ensure(status === 200, `published: ${status} ${body}`);
    return body;
  }

  async state() { return JSON.parse((await this.#ask("GET", "/state")).body); }

  async cases() { return JSON.parse((await this.#ask("GET", "/cases.json")).body); }

  /** Each time on a connection of its own: one that was kept may belong to a server that is gone. */
  #ask(method, path, data = "") {
    const answered = new Promise((resolve, reject) => {
      const request = http.request(new URL(path, this.url), { method, agent: false }, async (response) => {
        try {
          const chunks = await response.toArray();
          resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
        } catch (error) {
          reject(error);
        }
      });
      request.on("error", reject);
      request.end(data);
    });
    return within(LISTENING, `${method} ${path} is answered`, answered);
  }
}
