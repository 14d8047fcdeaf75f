// The clients of OpenAI and Anthropic, released, against the example `completions` on each framework.
//
//   node completions.mjs [--server COMMAND]...
//
// A command is started as in ../browser/run.mjs. The servers' model is scripted: a word in the prompt says what it does.

import { parseArgs } from "node:util";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import { check, eachOf, ensure, equal, examples, SECOND, start, summarise, within } from "../browser/harness.mjs";

const PATIENCE = 20 * SECOND;
const FAILURE = "Internal server error";

const PROMPTS = [
  "What is a Server-Sent Event?",
  "a\n\nevent: admin\ndata: PWNED\n\ndata: [DONE]\n\n",
  "  two  spaces,\n\n\nblank lines, a tab\t, \u2028 and 👩‍👩‍👧‍👦",
];

const { values: options } = parseArgs({
  options: { server: { type: "string", multiple: true, default: examples("completions") } },
});

// ---- Clients -------------------------------------------------------------------------------------------------------

/** What is asked of both, in their own words. `wire` is what came, byte for byte, of the last stream. */
const clientsOf = (url) => {
  const seen = { wire: "" };
  const tapped = async (...request) => {
    const response = await fetch(...request);
    if (response.body === null) return response;
    const [theirs, ours] = response.body.tee();
    seen.wire = "";
    (async () => {
      for await (const text of ours.pipeThrough(new TextDecoderStream())) seen.wire += text;
    })().catch(() => {});
    return new Response(theirs, response);
  };
  const settings = { apiKey: "any", maxRetries: 0, fetch: tapped };
  const openai = new OpenAI({ ...settings, baseURL: new URL("/v1", url).href });
  const anthropic = new Anthropic({ ...settings, baseURL: new URL("/", url).href.replace(/\/$/, "") });
  const request = (content) => ({ model: "scripted", max_tokens: 1_000, messages: [{ role: "user", content }] });

  return [
    {
      name: "openai", seen, heartbeat: ": heartbeat\n", errors: OpenAI, end: "data: [DONE]",
      whole: async (prompt) => (await openai.chat.completions.create(request(prompt))).choices[0].message.content,
      stream: (prompt, extra) => openai.chat.completions.create({ ...request(prompt), stream: true }, extra),
      textOf: (chunk) => chunk.choices[0]?.delta.content ?? "",
      errorType: (error) => error.type,
      errorMessage: (error) => error.error.message,
    },
    {
      name: "anthropic", seen, heartbeat: 'event: ping\ndata: {"type":"ping"}\n\n', errors: Anthropic, end: "event: message_stop",
      whole: async (prompt) => (await anthropic.messages.create(request(prompt))).content[0].text,
      stream: (prompt, extra) => anthropic.messages.create({ ...request(prompt), stream: true }, extra),
      textOf: (event) => event.delta?.text ?? "",
      errorType: (error) => error.error.error.type,
      errorMessage: (error) => error.error.error.message,
      // Its own accumulation of the events: it throws on any that does not fit.
      accumulated: (prompt) => anthropic.messages.stream(request(prompt)).finalText(),
    },
  ];
};

const read = async (client, prompt) => {
  const got = { text: "", chunks: 0, error: null };
  try {
    for await (const chunk of await client.stream(prompt)) {
      got.chunks += 1;
      got.text += client.textOf(chunk);
    }
  } catch (error) {
    got.error = error;
  }
  return got;
};

const thrown = async (run) => {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

const expectNoneRunning = (url) => within(PATIENCE, "no request to the model runs", (async () => {
  while (await (await fetch(new URL("/running", url))).text() !== "0") await new Promise(setImmediate);
})());

// ---- Checks --------------------------------------------------------------------------------------------------------

const drive = async (command) => {
  const server = await start(command, 0);
  const { url } = server;
  try {
    for (const client of clientsOf(url)) {
      const name = `${command.match(/sse-\w+/)?.[0] ?? command}: ${client.name}`;

      for (const [index, prompt] of PROMPTS.entries()) {
        await check(`${name}: answer ${index + 1} is the same, streamed and whole`, async () => {
          const expected = await client.whole(prompt);
          ensure(expected.includes(prompt), "the prompt is not in the answer");
          const { text, chunks, error } = await read(client, prompt);
          equal(error, null, "error");
          equal(text, expected, "the text");
          ensure(chunks > 50, `${chunks} chunks`);
          ensure(client.seen.wire.includes(client.end), "no end on the wire");
          if (client.accumulated) equal(await client.accumulated(prompt), expected, "the text as the client accumulates it");
          return `${chunks} chunks`;
        });
      }

      await check(`${name}: heartbeats come while the model thinks, and do not disturb`, async () => {
        const { text, error } = await read(client, "[slow]");
        equal(error, null, "error");
        ensure(text.includes("[slow]"), "no answer");
        ensure(client.seen.wire.includes(client.heartbeat), "no heartbeat on the wire");
      });

      await check(`${name}: an abort cancels the request to the model`, async () => {
        await expectNoneRunning(url);
        const stream = await client.stream("[forever]");
        let chunks = 0;
        for await (const _ of stream) {
          chunks += 1;
          if (chunks === 10) stream.controller.abort();
        }
        await expectNoneRunning(url);
        return `after ${chunks} chunks`;
      });

      await check(`${name}: an abort before the head cancels it too`, async () => {
        const stop = new AbortController();
        const asked = thrown(() => client.stream("[slow]", { signal: stop.signal }));
        await within(PATIENCE, "the model is asked", (async () => {
          while (await (await fetch(new URL("/running", url))).text() === "0") await new Promise(setImmediate);
        })());
        stop.abort();
        ensure(await asked instanceof client.errors.APIUserAbortError, "another error");
        await expectNoneRunning(url);
      });

      for (const failure of ["[fail]", "[error]"]) {
        await check(`${name}: ${failure} half-way is an error behind half of the text`, async () => {
          const { text, error } = await read(client, failure);
          ensure(error instanceof client.errors.APIError, `${error}`);
          ensure(["server_error", "api_error"].includes(client.errorType(error)), client.errorType(error));
          equal(client.errorMessage(error), FAILURE, "message");
          ensure(text.startsWith("You asked:"), "the first half is missing");
          ensure(!client.seen.wire.includes(client.end), "the end is on the wire");
        });
      }

      await check(`${name}: failures of an answer that is wanted whole have a status`, async () => {
        equal((await thrown(() => client.whole("[fail]"))).status, 502, "status");
      });

      await check(`${name}: a model that refuses is a rate limit error`, async () => {
        const error = await thrown(() => client.stream("[refuse]"));
        ensure(error instanceof client.errors.RateLimitError, `${error}`);
        equal(client.errorType(error), "rate_limit_error", "type");
      });

      await check(`${name}: a request that the API does not know is a bad request`, async () => {
        const error = await thrown(() => client.stream(undefined));
        ensure(error instanceof client.errors.BadRequestError, `${error}`);
        equal(client.errorType(error), "invalid_request_error", "type");
      });
    }
  } finally {
    server.child.kill("SIGKILL");
    await server.exited;
  }
};

await eachOf(options.server, drive);
summarise();
