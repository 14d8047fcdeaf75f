// The front-end libraries that the pages name, from the packages that are installed instead of from the network.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const MODULES = fileURLToPath(new URL("node_modules/", import.meta.url));

// Datastar is not on npm since 1.0.0-beta.11, whose events have other names. This crate holds the file of the release.
const DATASTAR = {
  crate: "rama-http",
  version: "0.4.0",
  file: "src/service/web/endpoint/response/datastar.js",
  sha256: "2837d87acf6ee0ba8e4e63765926c25a98d63883b02f88be194a86b81d3fd24a",
};

const FILES = {
  "/npm/htmx.org@2.0.11/": "htmx2",
  "/npm/htmx.org@4.0.1/": "htmx4",
  "/npm/htmx-ext-sse@2.2.4/": "htmx-ext-sse",
  "/npm/@hotwired/turbo@8.0.23/": "@hotwired/turbo",
};

/** The file for an URL of the CDN; throws for one that a page should not name. */
const fileFor = (url) => {
  const { pathname } = new URL(url);
  if (pathname === "/gh/starfederation/datastar@v1.0.2/bundles/datastar.js") return datastar();
  const found = Object.entries(FILES).find(([prefix]) => pathname.startsWith(prefix));
  if (!found) throw new Error(`no package is installed for ${url}`);
  const [prefix, name] = found;
  const { version } = JSON.parse(readFileSync(path.join(MODULES, name, "package.json"), "utf8"));
  if (!prefix.endsWith(`@${version}/`)) throw new Error(`${name} ${version} is installed, and the page names ${url}`);
  return readFileSync(path.join(MODULES, name, pathname.slice(prefix.length)));
};

let datastarFile;
const datastar = () => {
  if (datastarFile) return datastarFile;
  const { crate, version, file, sha256 } = DATASTAR;
  // Fetches this one crate, not what it depends on.
  execFileSync("cargo", ["info", "--quiet", `${crate}@${version}`], { cwd: os.tmpdir(), stdio: ["ignore", "ignore", "inherit"] });
  const sources = path.join(process.env.CARGO_HOME ?? path.join(os.homedir(), ".cargo"), "registry", "src");
  for (const registry of readdirSync(sources)) {
    const content = read(path.join(sources, registry, `${crate}-${version}`, file));
    if (content === undefined) continue;
    const found = createHash("sha256").update(content).digest("hex");
    if (found !== sha256) throw new Error(`the file of ${crate} ${version} has the SHA-256 ${found}`);
    datastarFile = content;
    return content;
  }
  throw new Error(`${crate} ${version} is not in cargo's registry`);
};

const read = (file) => {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
};

/** Answers for the CDN in all pages of a context, and lets them reach nothing else but `origin`. */
export const serveLibraries = async (context, origin) => {
  const served = [];
  await context.route((url) => url.origin !== origin && url.protocol !== "data:", async (route) => {
    const url = route.request().url();
    try {
      const body = fileFor(url);
      served.push(url);
      await route.fulfill({ body, contentType: "text/javascript", headers: { "access-control-allow-origin": "*" } });
    } catch (error) {
      console.log(`FAIL  ${url}: ${error.message}`);
      process.exitCode = 1;
      await route.abort();
    }
  });
  return served;
};
