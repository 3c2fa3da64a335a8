#!/usr/bin/env python3
"""Checks an exported journal (`fishpond export`): what Fishpond promises must hold in what it has recorded.

Nothing but Python's standard library, and nothing of Fishpond's: only the lines, as docs/export.md describes them.

    fishpond export DATA | python3 tests/checker/check.py --settled

Ends with 0 and a line of counts, or with 1 and the first broken promise, with its position.
`--settled`: the host had read everything when it ended, so nothing may be missing either.
"""

import argparse
import json
import sys


class Broken(Exception):
    """A promise does not hold at a position."""

    def __init__(self, position, message):
        super().__init__(f"position {position}: {message}")


def need(holds, position, message):
    if not holds:
        raise Broken(position, message)


class Deployment:
    """What control frames and outcomes say about one deployment."""

    def __init__(self, change, position):
        latest = change["start"] == "latest"
        self.business, self.name = change["business"], change["name"]
        self.behind = position if latest else change["begins"]
        self.plans = [(0, json.loads(change["plan"]))]
        self.retired = None
        self.stopped = set()
        # Positions that its shards have gone on behind, unread; and whether a repair has moved the borders of revisions.
        self.gaps = []
        self.repaired = False
        # By shard: the last position that it has finished.
        self.read_to = {}
        # (key, name) -> (clock, due, position at which it counts as set)
        self.timers = {}

    def plan(self, position):
        return [plan for begins, plan in self.plans if begins <= position][-1]

    def misses(self, position):
        """May it have missed what lies at a position?"""
        over = self.retired is not None and position >= self.retired
        return position <= self.behind or over or any(first <= position <= last for first, last in self.gaps)


class Checker:
    def __init__(self, options):
        self.options = options
        self.first = self.last = None
        self.counts = {}
        # (business, source, id) -> (receipt, position) of the last event of that identity
        self.identities = {}
        self.events = {}
        self.tick = (0, 0)
        self.ticks = {}
        self.deployments = {}
        # Inputs that were applied.
        self.applied = set()
        # (deployment, id) -> (position, key)
        self.signals = {}
        # id -> (position, once, ...), of matches
        self.matches = {}
        # (action, attempt) -> status
        self.looks = {}
        self.sent = {}
        self.ended = {}
        self.acted = {}
        self.published = {}
        self.desk = {}
        self.modules = set()

    def frame(self, frame):
        position = frame["position"]
        if self.last is None:
            self.first = position
        else:
            need(position == self.last + 1, position, f"it follows position {self.last}: positions are contiguous")
        self.last = position
        kind = frame["kind"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        handle = getattr(self, f"on_{kind}", None)
        need(handle is not None, position, f"there is no kind `{kind}`")
        handle(position, frame)

    # What came from outside

    def on_input(self, position, event):
        identity = (event["business"], event["source"], event["id"])
        known = self.identities.get(identity)
        if known is not None:
            age = event["received"] - known[0]
            need(age > self.options.horizon_ms, position,
                 f"event {identity} was accepted at position {known[1]} already, {age} ms before")
        self.identities[identity] = (max(event["received"], event["time"]), position)
        self.events[position] = event

    def on_tick(self, position, tick):
        now, watermark = tick["now"], tick["watermark"]
        need(now >= self.tick[0], position, f"the receive clock falls from {self.tick[0]} to {now}")
        need(watermark >= self.tick[1], position, f"the watermark falls from {self.tick[1]} to {watermark}")
        self.tick = (now, watermark)
        self.ticks[position] = self.tick

    def on_mark(self, position, mark):
        need(mark["shards"], position, "a mark of no shards")

    def on_report(self, position, report):
        if report["action"] is not None and self.whole():
            need(report["action"] in self.sent, position, f"action {report['action']} was never sent")

    # What runs

    def on_control(self, position, control):
        change = control["change"]
        if change == "module_uploaded":
            self.modules.add(control["digest"])
        elif change == "deployment_revised":
            self.revised(position, control)
        elif change == "resent":
            self.resent(position, control)
        elif "deployment" in control:
            self.operated(position, change, control)

    def revised(self, position, control):
        if self.whole():
            need(control["digest"] in self.modules, position, "its module was never uploaded")
        if control["revision"] == 1:
            self.deployments[position] = Deployment(control, position)
            return
        for deployment in self.deployments.values():
            if (deployment.business, deployment.name) == (control["business"], control["name"]):
                need(deployment.retired is None, position, f"{deployment.name} is retired")
                deployment.plans.append((position, json.loads(control["plan"])))
                if control["backlog"]:
                    deployment.stopped.clear()
                    deployment.repaired = True
                return
        need(not self.whole(), position, f"revision {control['revision']} of {control['name']} has none before it")

    def resent(self, position, control):
        need(control["original"] < position, position, f"it resends what comes later, {control['original']}")

    def operated(self, position, change, control):
        deployment = self.deployments.get(control["deployment"])
        if deployment is None:
            need(not self.whole(), position, f"there is no deployment {control['deployment']}")
            return
        if change == "paused":
            deployment.stopped.update(control["shards"])
        elif change == "resumed":
            deployment.stopped.difference_update(control["shards"])
        elif change == "quarantined":
            deployment.stopped.update(range(64))
        elif change == "retired":
            deployment.retired = position
        elif change == "gap_accepted":
            deployment.gaps.append((control["from"], control["to"]))

    # What came of inputs

    def on_outcome(self, position, outcome):
        number = outcome["deployment"]
        deployment = self.deployments.get(number)
        need(deployment is not None or not self.whole(), position, f"there is no deployment {number}")
        need(outcome["read_to"] < position, position, f"it finishes a later position, {outcome['read_to']}")
        if deployment is not None:
            self.progress(position, deployment.read_to, outcome, deployment.name)
        for record in outcome["inputs"]:
            self.record(position, number, deployment, record)

    def progress(self, position, read_to, frame, who):
        for shard in frame["shards"]:
            before = read_to.get(shard, 0)
            need(frame["read_to"] >= before, position,
                 f"{who} goes back from position {before} to {frame['read_to']} in shard {shard}")
            read_to[shard] = frame["read_to"]

    def record(self, position, number, deployment, record):
        own, via = record["position"], record["via"]
        way = via["way"]
        need(own < position, position, f"its input comes later, at position {own}")
        for name, cause in (("original", record["replay_of"]), ("event", via.get("from"))):
            need(cause is None or cause < own, position, f"the {name} {cause} of the input {own} comes later")
        need(record["hops"] <= self.options.hops or record["end"]["code"] == "hops", position,
             f"the input {own} was handled after {record['hops']} hops")
        if deployment is not None:
            need(not deployment.misses(own) or record["replay_of"] is not None, position,
                 f"{deployment.name} has handled the input {own}, which is not its own")
        handled = {
            "event": ("event", own, via.get("subscription"), record["key"]),
            "kept": ("event", own, via.get("subscription"), record["key"]),
            "handed_over": ("handed over", via.get("from"), record["key"]),
            "signal": ("signal", via.get("id")),
            "settlement": ("settlement", own, via.get("action")),
        }.get(way)
        if way == "timer":
            self.fired(position, deployment, record)
        elif self.events.get(own) is not None or way in ("handed_over", "signal"):
            # A derived event's frame may hold several for one key: those are no identities.
            once = (number, handled)
            need(once not in self.applied, position, f"deployment {number} has handled {handled} twice")
            self.applied.add(once)
        if way == "signal":
            self.consumed(position, number, record)
        for op in record["ops"]:
            self.op(deployment, record, op)
        self.effects(position, number, deployment, record)

    def consumed(self, position, number, record):
        sent = self.signals.get((number, record["via"]["id"]))
        if sent is None:
            need(not self.whole(), position, f"nobody has sent the signal {record['via']['id']}")
            return
        need(sent == (record["position"], record["key"]), position,
             f"the signal was sent at {sent[0]} to {sent[1]}, and handled at {record['position']} by {record['key']}")

    def op(self, deployment, record, op):
        if deployment is None:
            return
        if op["op"] == "set_timer":
            timer = (op["clock"], op["due"], op["set_at"])
            deployment.timers[record["key"], op["name"]] = timer
        elif op["op"] == "cancel_timer":
            deployment.timers.pop((record["key"], op["name"]), None)

    def fired(self, position, deployment, record):
        if deployment is None:
            return
        name, own = record["via"]["name"], record["position"]
        timer = deployment.timers.pop((record["key"], name), None)
        if timer is None:
            need(not self.whole(), position, f"the timer {name} of {record['key']} fires without being set, or twice")
            return
        clock, due, set_at = timer
        tick = self.ticks.get(own)
        need(tick is not None, position, f"there is no tick at {own} for the timer {name}")
        shows = tick[1] if clock == "event" else tick[0]
        need(due <= shows, position, f"the timer {name} of {record['key']} fires at {shows}, {due - shows} ms early")
        need(set_at < own, position, f"the timer {name} of {record['key']} was set at {set_at}, behind its tick {own}")

    def effects(self, position, number, deployment, record):
        replay = record["replay_of"] is not None
        for signal in record["signals"]:
            known = (number, signal["id"])
            need(known not in self.signals or replay, position, f"the signal {signal['id']} was sent twice")
            self.signals[known] = (position, signal["key"])
        for event in record["published"]:
            self.publish(position, event, replay)
        for found in record["matches"]:
            need(found["id"] not in self.matches or replay, position, f"the match {found['id']} was found twice")
            name = deployment.name if deployment else None
            self.matches[found["id"]] = (position, found["once"], name)
            for event in found["events"]:
                need(event["position"] <= record["position"], position,
                     f"the match {found['id']} names an event of a later position, {event['position']}")
                self.referenced(position, event)

    def referenced(self, position, named):
        event = self.events.get(named["position"])
        if event is not None:
            need((event["source"], event["id"]) == (named["source"], named["id"]), position,
                 f"it names {named}, but there is the event {event['id']} of {event['source']}")

    def publish(self, position, event, replay):
        need(event["id"] not in self.published or replay, position, f"the event {event['id']} was published twice")
        self.published[event["id"]] = position

    # What was done about it

    def on_outreach(self, position, outreach):
        need(outreach["read_to"] < position, position, f"it finishes a later position, {outreach['read_to']}")
        for shard in outreach["shards"]:
            before, now = self.desk.get(shard, (0, 0)), (outreach["read_to"], outreach["done"])
            need(now >= before, position, f"the desk goes back from {before} to {now} in shard {shard}")
            self.desk[shard] = now
        for deed in outreach["deeds"]:
            handle = getattr(self, f"on_{deed['deed']}", None)
            need(handle is not None, position, f"there is no deed `{deed['deed']}`")
            handle(position, deed)

    def caused(self, position, origin):
        need(origin["position"] < position, position, f"its match comes later, at {origin['position']}")
        match = self.matches.get(origin["match_id"])
        if match is None:
            need(not self.whole(), position, f"nobody has found the match {origin['match_id']}")
        else:
            need(match[0] <= origin["position"], position, f"the match {origin['match_id']} was found at {match[0]}")
        return match

    def on_decided(self, position, deed):
        decision = deed["decision"]
        action, status = decision["action"], decision["status"]
        own = action["id"]
        match = self.caused(position, action["origin"])
        look = (own, decision["attempt"])
        need(look not in self.looks, position, f"look {decision['attempt']} at the action {own} was decided twice")
        need(own not in self.ended, position, f"the action {own} has ended at {self.ended.get(own)}")
        self.looks[look] = status
        if status in ("sent", "waiting", "held"):
            self.sent.setdefault(own, position)
        if decision["cause"] == "match" and status != "repeated":
            self.once(position, action, match)

    def once(self, position, action, match):
        if match is None or match[1] is None or action["policy"] == "":
            return
        fact = (action["business"], match[2], action["origin"]["match"], match[1], action["person"], action["policy"])
        need(fact not in self.acted, position, f"{fact} was acted upon at {self.acted.get(fact)} already")
        self.acted[fact] = position

    def on_tagged(self, position, deed):
        self.caused(position, deed["origin"])

    def on_published(self, position, deed):
        self.caused(position, deed["origin"])
        self.publish(position, deed["event"], False)

    def on_ended(self, position, deed):
        action = deed["action"]
        need(action not in self.ended, position, f"the action {action} has ended at {self.ended.get(action)} already")
        if self.whole():
            need(action in self.sent, position, f"the action {action} ends, but was never on its way")
        self.ended[action] = position

    def on_settled(self, position, deed):
        if self.whole():
            need(any(look[0] == deed["action"] for look in self.looks), position,
                 f"nothing was decided about the action {deed['action']}")

    # The end

    def whole(self):
        """Does the export hold everything from the first position on? Else what is not there may lie before."""
        return self.first == 1

    def finish(self):
        if self.last is None:
            raise Broken(0, "there is no frame")
        if self.options.last is not None:
            need(self.last == self.options.last, self.last, f"it ends here, not at position {self.options.last}")
        if self.options.settled and self.whole():
            self.nothing_missing()

    def nothing_missing(self):
        for number, deployment in self.deployments.items():
            if deployment.stopped or deployment.repaired:
                continue
            for position, event in self.events.items():
                if event["business"] == deployment.business and not deployment.misses(position):
                    self.handled(number, deployment, position, event)
            for (sender, signal), (position, key) in self.signals.items():
                if sender == number and not deployment.misses(position):
                    need((number, ("signal", signal)) in self.applied, position,
                         f"{deployment.name} has not handled the signal {signal} to {key}")

    def handled(self, number, deployment, position, event):
        for index, subscription in enumerate(deployment.plan(position).get("subscriptions", [])):
            # Conditions on the data are the router's own matter.
            if event["type"] not in subscription["types"] or subscription.get("where"):
                continue
            key = key_of(event, subscription["key"])
            if key is not None:
                need((number, ("event", position, index, key)) in self.applied, position,
                     f"{deployment.name} has not handled it as `{subscription['name']}` of {key!r}")


def key_of(event, path):
    """None: nothing is said about data here. Empty: the event has none."""
    if path.startswith("data"):
        return None
    value = event["type" if path == "type" else path]
    return value if len(value.encode()) <= 256 else ""


def main():
    parser = argparse.ArgumentParser(description="Checks an exported journal of Fishpond.")
    parser.add_argument("file", nargs="?", help="the export; standard input if not given")
    parser.add_argument("--settled", action="store_true", help="the host had read everything when it ended")
    parser.add_argument("--last", type=int, help="the position at which it must end")
    parser.add_argument("--horizon-ms", type=int, default=600_000, help="dedup_horizon_ms of the host")
    parser.add_argument("--hops", type=int, default=16, help="hops of the host")
    options = parser.parse_args()
    checker = Checker(options)
    source = open(options.file, encoding="utf-8") if options.file else sys.stdin
    with source:
        try:
            for number, line in enumerate(source, 1):
                try:
                    frame = json.loads(line)
                except ValueError as error:
                    sys.exit(f"line {number} is no JSON: {error}")
                checker.frame(frame)
            checker.finish()
        except Broken as broken:
            sys.exit(f"broken: {broken}")
        except (KeyError, TypeError, IndexError) as error:
            sys.exit(f"broken: line {number} has not what docs/export.md says: {error!r}")
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(checker.counts.items()))
    print(f"ok: positions {checker.first} to {checker.last}: {counts}; {len(checker.applied)} inputs applied once, "
          f"{len(checker.matches)} matches, {len(checker.looks)} decisions, {len(checker.ended)} ends")


if __name__ == "__main__":
    main()
