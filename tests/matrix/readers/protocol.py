"""What every reader speaks, as protocol.mjs says it, for the clients in Python: one thread for each job."""

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

ACCEPT = b"text/event-stream"


class Job:
    """One stream to be read: what is asked, what is told, and when it stops."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.url: str = options["url"]
        self.method: str = options.get("method") or "GET"
        self._is_stopped = False
        self._job = options.get("job")
        self._last_event_id: str = options.get("lastEventId") or ""
        self._until: int = options.get("until") or 0
        self._until_type: str | None = options.get("untilType")
        self._events = 0
        self._lock = threading.Lock()
        self._close: Callable[[], None] | None = None
        if options.get("for"):
            timer = threading.Timer(options["for"] / 1_000, self.stop)
            timer.daemon = True
            timer.start()

    def headers(self) -> dict[str, bytes]:
        """Neither client sets them by itself. A browser sends the id as UTF-8, so it goes as bytes."""
        sent = {"Accept": ACCEPT}
        if self._last_event_id:
            sent["Last-Event-ID"] = self._last_event_id.encode()
        return sent

    def opened(self, status: int, headers: dict[str, str], close: Callable[[], None]) -> None:
        """`close` ends a read that another thread waits in; it may fail where none does any more."""
        self.say(open={"status": status, "headers": headers})
        with self._lock:
            self._close = close
            if self._is_stopped:
                self._end_read()

    @property
    def is_stopped(self) -> bool:
        """Whether to read no more. `closing` was told by then, so that whatever a reader tells at its end comes behind it."""
        with self._lock:
            return self._is_stopped

    def event(self, type_: str, data: str, id_: str) -> None:
        """Tells it; `is_stopped` says afterwards whether to read on."""
        with self._lock:
            if self._is_stopped:
                return
            self.say(event={"type": type_, "data": data, "id": id_})
            self._events += 1
            if self._events == self._until or type_ == self._until_type:
                self.say(closing=True)
                self._is_stopped = True

    def stop(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            self.say(closing=True)
            self._end_read()

    def _end_read(self) -> None:
        if self._close:
            with contextlib.suppress(OSError, ValueError):
                self._close()

    def say(self, **line: Any) -> None:
        job = {} if self._job is None else {"job": self._job}
        say({**job, "at": time.time() * 1_000, **line})


def run(read: Callable[[Job], None]) -> None:
    """Runs a reader: `read` returns when the stream is over for good, or the job is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--until", type=int)
    parser.add_argument("--until-type", dest="untilType")
    parser.add_argument("--for", type=int)
    parser.add_argument("--types")
    parser.add_argument("--last-event-id", dest="lastEventId")
    parser.add_argument("--method")
    options = parser.parse_args()
    if options.serve:
        _serve(read)
    else:
        _one(read, Job(vars(options)))
    sys.stdout.flush()
    # Threads may wait for servers.
    os._exit(0)


def _serve(read: Callable[[Job], None]) -> None:
    jobs: dict[int, Job] = {}
    for line in sys.stdin:
        options = json.loads(line)
        if options.get("stop"):
            if job := jobs.get(options["job"]):
                job.stop()
            continue
        job = jobs[options["job"]] = Job(options)
        threading.Thread(target=_one, args=(read, job), daemon=True).start()


def _one(read: Callable[[Job], None], job: Job) -> None:
    try:
        read(job)
    except Exception as error:
        if not job.is_stopped:
            job.say(error=f"{type(error).__name__}: {error}")
    job.say(end=True)


_WRITING = threading.Lock()


def say(line: dict[str, Any]) -> None:
    """Prints it at once. What is no legal text is escaped."""
    with _WRITING:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
