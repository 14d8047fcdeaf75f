// The EventSource of undici, which is that of Node.

import { EventSource } from "undici";

import { readWith, run } from "./protocol.mjs";

await run(readWith(EventSource));
