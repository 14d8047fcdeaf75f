"""httpx-sse. It has no reconnection of its own."""

import socket

import httpx
import httpx_sse
from protocol import Job, run


def read(job: Job) -> None:
    # Its own limit is 5 s without a byte, and a server may be silent for longer. A proxy of the environment has no way to what is local.
    with httpx.Client(trust_env=False, timeout=httpx.Timeout(30, read=None)) as client:
        with httpx_sse.connect_sse(client, job.method, job.url, headers=job.headers()) as source:
            response = source.response
            connection = response.extensions["network_stream"].get_extra_info("socket")
            job.opened(response.status_code, dict(response.headers), lambda: connection.shutdown(socket.SHUT_RDWR))
            if response.status_code != 200:
                return
            for event in source.iter_sse():
                if event.retry is not None:
                    job.say(retry=event.retry)
                job.event(event.event, event.data, event.id)
                if job.is_stopped:
                    return


run(read)
