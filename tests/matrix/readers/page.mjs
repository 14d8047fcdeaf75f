// What runs inside of a browser's page; `start` and `stop` are its functions, as text.

/** Tells by `tell(job, line)`, a function of the page that the reader brings. */
const install = () => {
  const jobs = new Map();

  const readEventSource = ({ url, types }, say) => {
    const source = new EventSource(url);
    source.onopen = () => say({ open: {} });
    source.onerror = (event) => {
      // An event of that name has data; a failure has none.
      if (event.data !== undefined) return;
      say({ error: "error" });
      if (source.readyState === EventSource.CLOSED) say({ over: true });
    };
    for (const type of new Set(["message", ...(types ?? [])])) {
      source.addEventListener(type, ({ type, data, lastEventId }) => {
        if (data !== undefined) say({ event: { type, data, id: lastEventId } });
      });
    }
    return () => source.close();
  };

  const readFetchEventSource = ({ url, lastEventId, method = "GET" }, say) => {
    class Fatal extends Error {}
    const controller = new AbortController();
    (async () => {
      const { fetchEventSource } = await import("/matrix-modules/fetch-event-source/index.js");
      await fetchEventSource(url, {
        method,
        headers: lastEventId ? { "last-event-id": lastEventId } : {},
        signal: controller.signal,
        openWhenHidden: true,
        // As in its README: whatever is no stream is fatal, the end of a stream is not.
        onopen: async (response) => {
          say({ open: { status: response.status, headers: Object.fromEntries(response.headers) } });
          if (response.status !== 200) throw new Fatal(`status ${response.status}`);
        },
        onmessage: ({ event, data, id, retry }) => {
          if (retry !== undefined) say({ retry });
          say({ event: { type: event || "message", data, id } });
        },
        onclose: () => { throw new Error("the stream ended"); },
        onerror: (error) => {
          say({ error: String(error.message) });
          if (error instanceof Fatal) throw error;
        },
      });
    })().catch(() => say({ over: true }));
    return () => controller.abort();
  };

  const clients = { "fetch-event-source": readFetchEventSource, EventSource: readEventSource };

  const stop = async (job) => {
    if (!jobs.has(job)) return;
    const { say, close } = jobs.get(job);
    jobs.delete(job);
    const told = say({ closing: true });
    close();
    await told;
  };

  const start = (job, options) => {
    let events = 0;
    const say = async (line) => {
      await window.tell(JSON.stringify({ job, at: Date.now(), ...line }));
    };
    const sayOrStop = async (line) => {
      const told = say(line);
      events += line.event ? 1 : 0;
      // Here, so that nothing comes behind it.
      if (line.event && (events === options.until || line.event.type === options.untilType)) {
        await stop(job);
        await say({ over: true });
      }
      await told;
    };
    jobs.set(job, { say, close: clients[options.with ?? "EventSource"](options, sayOrStop) });
  };

  window.matrix = { start, stop };
};

/** Defines `window.matrix`. */
export const SCRIPT = `(${install})()`;
