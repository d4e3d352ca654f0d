#!/usr/bin/env python3
"""Checks a handover with Python's standard library alone: every file, every record, every head.

    python3 verify.py             says `unanchored`: whoever can rewrite this folder can rewrite its manifest, too
    python3 verify.py DIGEST      the digest of estate.json that the export printed, from another source than this folder

Exits with 0 if everything is right, and with 1 otherwise.
"""

import hashlib
import json
import pathlib
import sys


def fail(problem):
    sys.exit(f"FAILED: {problem}")


root = pathlib.Path(__file__).resolve().parent
raw = (root / "estate.json").read_bytes()
manifest_digest = hashlib.sha256(raw).hexdigest()
if len(sys.argv) > 1 and sys.argv[1] != manifest_digest:
    fail(f"the digest of estate.json is {manifest_digest}, not {sys.argv[1]}")
manifest = json.loads(raw)

named = {"estate.json"} | set(manifest["files"]) | {f"releases/{release}.jsonl" for release in manifest["releases"]}
found = {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
for name in sorted(named ^ found):
    fail(f"{name} is {'missing' if name in named else 'not named in estate.json'}")

for name, digest in manifest["files"].items():
    if hashlib.sha256((root / name).read_bytes()).hexdigest() != digest:
        fail(f"{name} differs from what was exported")

records = 0
for release, listed in manifest["releases"].items():
    lines = (root / "releases" / f"{release}.jsonl").read_bytes().split(b"\n")
    if lines.pop() != b"":
        fail(f"{release}: the last record has no line feed and may be truncated")
    # The hash of a record is that of a zero byte and its line, without the line feed.
    # Each record names the hash of the one before it; the first one names 64 zeros.
    digest = "0" * 64
    for seq, line in enumerate(lines):
        try:
            record = json.loads(line)
            stated = record["seq"], record["release"], record["prev"]
        except (ValueError, KeyError, TypeError):
            fail(f"{release}: record {seq} can't be read")
        if stated != (seq, release, digest):
            fail(f"{release}: record {seq} does not follow from the one before it")
        digest = hashlib.sha256(b"\0" + line).hexdigest()
    if (len(lines), len(lines) - 1, digest) != (listed["records"], listed["head"]["seq"], listed["head"]["digest"]):
        fail(f"{release} does not end as estate.json says")
    records += len(lines)

word = "verified" if len(sys.argv) > 1 else "unanchored"
print(f"{word}: {len(manifest['releases'])} releases with {records} records, digest {manifest_digest}")
