#!/usr/bin/env python3
"""Checks an estate with Python's standard library alone: every file, every record, every head.

    python3 verify.py             says `unanchored`: whoever can rewrite this folder can rewrite its manifest, too
    python3 verify.py DIGEST      the digest of estate.json, as the export has printed it, told by another way

Ends with 0 if all is well, and with 1 if not.
"""

import hashlib
import json
import pathlib
import sys


def fail(problem):
    sys.exit(f"FAILED: {problem}")


root = pathlib.Path(__file__).resolve().parent
raw = (root / "estate.json").read_bytes()
digest_of_estate = hashlib.sha256(raw).hexdigest()
if len(sys.argv) > 1 and sys.argv[1] != digest_of_estate:
    fail(f"the digest of estate.json is {digest_of_estate}, and not {sys.argv[1]}")
estate = json.loads(raw)

named = {"estate.json"} | set(estate["files"]) | {f"releases/{release}.jsonl" for release in estate["releases"]}
found = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
for name in sorted(named ^ found):
    fail(f"{name} is {'missing' if name in named else 'not named in estate.json'}")

for name, digest in estate["files"].items():
    if hashlib.sha256((root / name).read_bytes()).hexdigest() != digest:
        fail(f"{name} is not what was exported")

records = 0
for release, listed in estate["releases"].items():
    lines = (root / "releases" / f"{release}.jsonl").read_bytes().split(b"\n")
    if lines.pop() != b"":
        fail(f"{release}: the last record has no line feed")
    # The hash of a record is that of a zero byte and its line, without the line feed.
    # Each record names the hash of the one before it; the first one names 64 zeros.
    digest = "0" * 64
    for seq, line in enumerate(lines):
        try:
            record = json.loads(line)
            says = record["seq"], record["release"], record["prev"]
        except (ValueError, KeyError, TypeError):
            fail(f"{release}: record {seq} can't be read")
        if says != (seq, release, digest):
            fail(f"{release}: record {seq} does not follow from the one before it")
        digest = hashlib.sha256(b"\0" + line).hexdigest()
    if (len(lines), len(lines) - 1, digest) != (listed["records"], listed["head"]["seq"], listed["head"]["digest"]):
        fail(f"{release} ends otherwise than estate.json says")
    records += len(lines)

word = "verified" if len(sys.argv) > 1 else "unanchored"
print(f"{word}: {len(estate['releases'])} releases with {records} records, digest {digest_of_estate}")
