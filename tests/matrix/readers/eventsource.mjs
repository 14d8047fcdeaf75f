// npm eventsource.

import { EventSource } from "eventsource";

import { readWith, run } from "./protocol.mjs";

await run(readWith(EventSource));
