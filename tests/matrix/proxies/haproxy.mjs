// HAProxy in HTTP mode.

import { WAIT } from "./wait.mjs";

export const name = "haproxy";

export const version = ["haproxy", "-v"];

export const command = (directory) => ["haproxy", "-db", "-f", `${directory}/haproxy.cfg`];

export const file = "haproxy.cfg";

const GZIP = ["compression algo gzip", "compression type text/event-stream"];

/** A whole response, for when there is no server. */
const wait = (directory) => `${directory}/wait.http`;

const HEAD = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", `Content-Length: ${WAIT.length}`, "Connection: close"];

/** What stands in each `listen`; the other properties are those of `nginx.mjs`. */
export const fronts = {
  default: {},
  // Each event waits 200 ms for company. It looks at a client only when it has something to send, and needs two writes to see
  // that nobody is there.
  "no options": { lines: () => ["no option http-no-delay", "no option abortonclose"], leaving: "with heartbeats" },
  gzip: { lines: () => GZIP, compressed: false },
  impatient: { lines: () => ["timeout server 4s"] },
  tls: { tls: true },
  patient: { lines: (directory) => [502, 503, 504].map((status) => `errorfile ${status} ${wait(directory)}`) },
  "no no-transform": { lines: () => ["http-response set-header Cache-Control no-cache"] },
  // What `no-transform` is good for: its compressor keeps each event until the next.
  "held: gzip, no no-transform": { lines: () => GZIP, behind: "no no-transform", compressed: true, held: true },
};

export const files = (directory) => ({ [wait(directory)]: `${HEAD.join("\r\n")}\r\n\r\n${WAIT}` });

export const configuration = ({ directory, upstream, ports, certificate }) => `
global
  maxconn 500
  noreuseport
  log stderr local0 emerg
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-no-delay
  option abortonclose
${Object.entries(fronts).map(([front, { tls, behind, lines = () => [] }]) => `
listen ${front.replaceAll(/[^a-z]+/g, "-")}
  bind 127.0.0.1:${ports[front]}${tls ? ` ssl crt ${certificate.both} alpn h2,http/1.1` : ""}
${lines(directory).map((line) => `  ${line}\n`).join("")}  server server 127.0.0.1:${behind ? ports[behind] : upstream}
`).join("")}`;
