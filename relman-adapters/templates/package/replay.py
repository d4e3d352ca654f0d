#!/usr/bin/env python3
"""Replays the timeline of the release, record by record.

    python3 scripts/replay.py                  everything at once
    python3 scripts/replay.py --speed 3600     one hour of the release per second
    python3 scripts/replay.py --kind step      only records whose kind contains "step"
"""

import argparse
import datetime
import json
import pathlib
import sys
import time

arguments = argparse.ArgumentParser(description="Replays the timeline of the release, record by record.")
arguments.add_argument("--speed", type=float, help="seconds of the release per second; everything at once without it")
arguments.add_argument("--kind", default="", help="only records whose kind contains this text")
options = arguments.parse_args()
if options.speed is not None and not options.speed > 0:
    arguments.error("--speed must be above 0")


def plain(value):
    """Text without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in str(value))


record = pathlib.Path(__file__).resolve().parent.parent / "record.jsonl"
before = None
try:
    for line in record.read_text(encoding="utf-8").split("\n")[:-1]:
        event = json.loads(line)
        at = datetime.datetime.fromisoformat(event["at"].replace("Z", "+00:00"))
        if options.speed and before:
            time.sleep((at - before).total_seconds() / options.speed)
        before = at
        if options.kind not in event["kind"]:
            continue
        data = json.dumps(event["data"], ensure_ascii=False)
        data = data if len(data) <= 100 else data[:99] + "…"
        print(plain(f"{event['seq']:>5}  {event['at']}  {event['by']:<16}  {event['kind']:<22}  {data}"), flush=True)
except (KeyboardInterrupt, BrokenPipeError):
    sys.exit(130)
