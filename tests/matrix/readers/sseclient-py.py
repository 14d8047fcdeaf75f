"""sseclient-py over requests. It has no reconnection of its own."""

import requests
from protocol import Job, run
from sseclient import SSEClient


def read(job: Job) -> None:
    session = requests.Session()
    # A proxy of the environment has no way to what is local.
    session.trust_env = False
    asked = session.request(job.method, job.url, headers=job.headers(), stream=True, timeout=(30, None))
    with session, asked as response:
        job.opened(response.status_code, dict(response.headers), response.raw.shutdown)
        if response.status_code != 200:
            return
        for event in SSEClient(response).events():
            if event.retry is not None:
                job.say(retry=int(event.retry))
            job.event(event.event, event.data, event.id or "")
            if job.is_stopped:
                return


run(read)
