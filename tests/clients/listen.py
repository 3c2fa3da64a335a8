"""Receives one user's actions with httpx-sse, acknowledges each, and comes back when the stream ends. Says in a line of
JSON what happens. Ends with its standard input.

    python listen.py http://HOST BUSINESS USER TOKEN
"""

import json
import os
import sys
import threading
import time

import httpx
from httpx_sse import connect_sse

base, business, user, token = sys.argv[1:]
last_event_id, wait_s = "", 1.0


def say(**what):
    print(json.dumps(what), flush=True)


def end_with_input():
    sys.stdin.read()
    os._exit(0)


def receive(client):
    global last_event_id, wait_s
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    with connect_sse(client, "GET", "actions", headers=headers) as source:
        source.response.raise_for_status()
        say(open=last_event_id)
        for event in source.iter_sse():
            if event.retry is not None:
                wait_s = event.retry / 1000
            if event.event != "action":
                continue
            last_event_id = event.id
            action = json.loads(event.data)
            say(came=action["fields"]["n"])
            client.post(f"actions/{action['action']}/ack").raise_for_status()
            say(acknowledged=action["fields"]["n"])


threading.Thread(target=end_with_input, daemon=True).start()
with httpx.Client(
    base_url=f"{base}/v1/{business}/users/{user}",
    headers={"authorization": f"Bearer {token}"},
    timeout=httpx.Timeout(10, read=30),
    trust_env=False,
) as client:
    while True:
        try:
            receive(client)
        except httpx.TransportError:
            pass
        say(waits_s=wait_s)
        time.sleep(wait_s)
