// What proxies say while there is no server.

/** The event that tells a client to come back; several clients lose a `retry` that stands without data. */
export const WAIT = 'event: sse:retry\nretry: 200\ndata: {"reason":"refused"}\n\n';
