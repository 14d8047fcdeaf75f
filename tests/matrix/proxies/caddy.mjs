// Caddy with `reverse_proxy`.

import { WAIT } from "./wait.mjs";

export const name = "caddy";

export const version = ["caddy", "version"];

export const command = (directory) => ["caddy", "run", "--adapter", "caddyfile", "--config", `${directory}/Caddyfile`];

export const file = "Caddyfile";

const IMPATIENT = `
    transport http {
      read_timeout 4s
    }`;

const WAITING = `
  handle_errors {
    @stream header Accept text/event-stream*
    handle @stream {
      header Content-Type text/event-stream
      respond \`${WAIT}\` 200
    }
  }`;

/** Caddy 2.6.2 does not look for `no-transform`, and once it compresses it holds events back: they are left out. */
const GZIP = `
  @others not header Accept text/event-stream*
  encode @others {
    gzip
    minimum_length 1
  }`;

/** What stands in each site and in its `reverse_proxy`; the other properties are those of `nginx.mjs`. */
export const fronts = {
  default: {},
  gzip: { site: GZIP, compressed: false },
  impatient: { proxy: IMPATIENT },
  tls: { tls: true },
  patient: { site: WAITING },
};

export const configuration = ({ directory, upstream, ports, certificate }) => `
{
  admin off
  auto_https off
  storage file_system ${directory}
  log {
    level FATAL
  }
  servers {
    protocols h1 h2
  }
}
${Object.entries(fronts).map(([front, { tls, site = "", proxy = "" }]) => `
${tls ? "https://localhost" : "http://127.0.0.1"}:${ports[front]} {
  bind 127.0.0.1
  ${tls ? `tls ${certificate.chain} ${certificate.key}` : ""}
  ${site}
  reverse_proxy 127.0.0.1:${upstream} {
    ${proxy}
  }
}
`).join("")}`;
