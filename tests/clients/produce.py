"""Sends events as the official CloudEvents SDK writes them: structured, binary, and a batch of structured ones. Says in a
line of JSON what was answered to each.

    python produce.py http://HOST BUSINESS TOKEN
"""

import json
import sys

import httpx
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

base, business, token = sys.argv[1:]
written = JSONFormat()


def event(number):
    """The SDK adds specversion, id and time."""
    attributes = {"type": "herald", "source": "/python", "actorid": "ann", "subject": "Größe 1", "n": str(number)}
    return CloudEvent(attributes | {"datacontenttype": "application/json"}, {"match": "offer", "n": number})


def send(form, headers, body):
    headers = headers | {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{base}/v1/{business}/events", headers=headers, content=body, trust_env=False)
    print(json.dumps({"form": form, "status": answer.status_code, "answer": answer.json()}), flush=True)


structured = to_structured(event(1), written)
send("structured", structured.headers, structured.body)
send("structured", structured.headers, structured.body)
binary = to_binary(event(2), written)
send("binary", binary.headers, binary.body)
batch = b"[" + b",".join(to_structured(event(number), written).body for number in (3, 4, 5)) + b"]"
send("batch", {"content-type": "application/cloudevents-batch+json"}, batch)
