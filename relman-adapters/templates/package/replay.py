#!/usr/bin/env python3
"""Replays the timeline of the release, record by record.

    python3 scripts/replay.py                  all of it at once
    python3 scripts/replay.py --speed 3600     an hour of the release in a second
    python3 scripts/replay.py --kind step      only records whose kind has that in its name
"""

import argparse
import datetime
import json
import pathlib
import sys
import time

arguments = argparse.ArgumentParser(description="Replays the timeline of the release, record by record.")
arguments.add_argument("--speed", type=float, help="seconds of the release that pass in a second; all at once without it")
arguments.add_argument("--kind", default="", help="only records whose kind has that in its name")
asked = arguments.parse_args()
if asked.speed is not None and not asked.speed > 0:
    arguments.error("--speed is above 0")


def plain(value):
    """Text without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in str(value))


record = pathlib.Path(__file__).resolve().parent.parent / "record.jsonl"
before = None
try:
    for line in record.read_text(encoding="utf-8").split("\n")[:-1]:
        event = json.loads(line)
        at = datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
        if asked.speed and before:
            time.sleep((at - before).total_seconds() / asked.speed)
        before = at
        if asked.kind not in event["kind"]:
            continue
        data = json.dumps(event["data"], ensure_ascii=False)
        data = data if len(data) <= 100 else data[:99] + "…"
        print(plain(f"{event['seq']:>5}  {event['at']}  {event['by']:<16}  {event['kind']:<22}  {data}"), flush=True)
except (KeyboardInterrupt, BrokenPipeError):
    sys.exit(130)
