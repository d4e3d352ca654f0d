#!/usr/bin/env python3
"""Checks this package with Python's standard library alone.

No file has changed since it was packed, and the record is one unbroken chain that ends at the head.

    python3 scripts/verify.py         says `unanchored`: whoever can rewrite this package can rewrite its head, too
    python3 scripts/verify.py HASH    HASH is the head from another source: a tracker, a mail, a printout

Exits with 0 if everything is right, and with 1 otherwise.
"""

import hashlib
import json
import pathlib
import sys


def fail(problem):
    sys.exit(f"FAILED: {problem}")


root = pathlib.Path(__file__).resolve().parent.parent

for line in (root / "SHA256SUMS").read_text().splitlines():
    digest, name = line.split("  ", 1)
    if hashlib.sha256((root / name).read_bytes()).hexdigest() != digest:
        fail(f"{name} differs from what was packed")

release, last, head = (root / "head.txt").read_text().split()
lines = (root / "record.jsonl").read_bytes().split(b"\n")
if lines.pop() != b"":
    fail("the last record has no line feed and may be truncated")

# The hash of a record is that of a zero byte and its line, without the line feed.
# Each record names the hash of the one before it; the first one names 64 zeros.
digest = "0" * 64
for seq, line in enumerate(lines):
    try:
        record = json.loads(line)
        named = record["seq"], record["release"], record["prev"]
    except (ValueError, KeyError, TypeError):
        fail(f"record {seq} can't be read")
    if named != (seq, release, digest):
        fail(f"record {seq} does not follow from the one before it")
    digest = hashlib.sha256(b"\0" + line).hexdigest()

if (str(len(lines) - 1), digest) != (last, head):
    fail(f"the record ends at {len(lines) - 1} {digest}, not at {last} {head}")
if len(sys.argv) > 1 and sys.argv[1] != head:
    fail(f"the head is {head}, not {sys.argv[1]}")

if len(sys.argv) > 1:
    print(f"verified: {release}, head {last} {head}")
else:
    print(f"unanchored: {release} is consistent, head {last} {head}")
