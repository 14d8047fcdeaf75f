// nginx: what `proxy_pass` does by itself, and what people set.

import { WAIT } from "./wait.mjs";

export const name = "nginx";

export const version = ["nginx", "-v"];

export const command = (directory) => ["nginx", "-e", "stderr", "-p", directory, "-c", `${directory}/nginx.conf`];

export const file = "nginx.conf";

/** HTTP/1.1 to the server, over connections that are kept. */
const KEPT = `
      proxy_pass http://kept;
      proxy_http_version 1.1;
      proxy_set_header Connection "";`;

/** The default before nginx 1.29.7: the response has no end but that of its connection, and is buffered by size. */
const PLAIN = `
      proxy_pass http://server;
      proxy_http_version 1.0;`;

const GZIP = `
    gzip on;
    gzip_types text/event-stream;
    gzip_min_length 1;`;

const IGNORED = "proxy_ignore_headers X-Accel-Buffering;";

/** An EventSource stops for good at 502 and 504; at a stream that ends it asks again. */
const WAITING = `
      error_page 502 504 =200 @wait;
    }
    location @wait {
      default_type text/event-stream;
      return 200 '${WAIT.replaceAll("\n", "\\n")}';`;

/**
 * What stands in each `server`. `compressed`: whether a client that takes gzip gets it, unless the server says
 * `content-encoding` itself. `held` are the controls, which do without our headers and have to be seen to hold events back.
 * `behind`: the front between this one and the server.
 */
export const fronts = {
  "http/1.0": { location: PLAIN },
  "http/1.1": { location: KEPT },
  // nginx does not look for `no-transform`. What is not buffered it flushes.
  gzip: { server: GZIP, location: PLAIN, compressed: true },
  "gzip, http/1.1": { server: GZIP, location: KEPT, compressed: true },
  impatient: { location: `${PLAIN}
      proxy_read_timeout 4s;` },
  tls: { tls: true, location: KEPT },
  // It takes our header for itself unless it is told to pass it on.
  passing: { location: `${PLAIN}
      proxy_pass_header X-Accel-Buffering;` },
  "two in a row": { behind: "passing" },
  patient: { location: PLAIN + WAITING },
  "held: header ignored": { location: `${PLAIN}
      ${IGNORED}`, held: true },
  "held: gzip, header ignored": { server: GZIP, location: `${KEPT}
      ${IGNORED}`, compressed: true, held: true },
  "held: two in a row": { behind: "http/1.0", held: true },
};

export const configuration = ({ directory, upstream, ports, certificate }) => `
daemon off;
${process.getuid() === 0 ? "user root;" : ""}
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  upstream server { server 127.0.0.1:${upstream}; }
  upstream kept { server 127.0.0.1:${upstream}; keepalive 8; }
${Object.entries(fronts).map(([front, { tls, server = "", location, behind }]) => `
  server {
    listen 127.0.0.1:${ports[front]}${tls ? " ssl http2" : ""};
    ${tls ? `ssl_certificate ${certificate.chain}; ssl_certificate_key ${certificate.key};` : ""}${server}
    location / {
      ${behind ? `proxy_pass http://127.0.0.1:${ports[behind]}; proxy_http_version 1.0;` : location}
    }
  }`).join("")}
}
`;
