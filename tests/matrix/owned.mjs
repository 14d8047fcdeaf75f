// What a script started and made, and what therefore goes with it, however it ends: children, and temporary directories.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const children = new Map();
const directories = new Set();
/** How often a directory is tried, and the milliseconds between. */
const [ATTEMPTS, PAUSE] = [50, 100];

/** Starts a program. One with `detached` leads a group of its own: what it started goes with it, and when it ends. */
export const spawnOwned = (program, args, options = {}) => {
  const child = spawn(program, args, options);
  // It did not start; its event `error` tells.
  if (child.pid === undefined) return child;
  const end = options.detached ? () => killGroup(child.pid) : () => child.kill("SIGKILL");
  children.set(child, end);
  child.once("exit", () => {
    children.delete(child);
    if (options.detached) killGroup(child.pid);
  });
  return child;
};

/** Ends a child at once, and its group if it leads one. */
export const endOwned = (child) => children.get(child)?.();

const killGroup = (pid) => {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
};

/** Makes a temporary directory. */
export const makeOwned = (prefix) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), prefix));
  directories.add(directory);
  return directory;
};

// Also behind an exception that nothing catches.
process.on("exit", () => {
  for (const end of children.values()) end();
  for (const directory of directories) remove(directory);
});

/** A browser that is about to end still writes there for a moment. */
const remove = (directory) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      if (attempt === ATTEMPTS) return console.error(`${directory} stays: ${error.message}`);
    }
    // Nothing asynchronous runs any more.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
  }
};

/** Signals end this process in the ordinary way. */
export const endOnSignals = () => {
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
};
