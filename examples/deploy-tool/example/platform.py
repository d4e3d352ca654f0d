#!/usr/bin/env python3
"""A deployer for the command protocol (`deploy-tool help command-protocol`), on a platform that is a folder.

    program = "python3"
    args = ["platform.py", "/srv/platform"]
    promotion = "swap"                                  # or "replace", with a third argument: replace
    operations = ["promote", "reachable", "cut", "versions"]

Replace what reads and writes `state` by calls to your own platform. Everything else is what a deployer has to keep:
nothing happens twice, no share is exceeded, nobody is sent to a version that is not there.
"""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
replaces = sys.argv[2:] == ["replace"]
state_file = folder / "state.json"


class Problem(Exception):
    def __init__(self, kind, detail):
        super().__init__(detail)
        self.kind = kind


def load():
    if not folder.is_dir():
        raise Problem("unavailable", f"there is no platform at {folder}")
    if not state_file.exists():
        return {"versions": {}, "staging": None, "second": 0, "served": {"first": 0, "second": 0}, "changes": 0}
    return json.loads(state_file.read_text())


def save(state):
    new = state_file.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(state_file)


def other(place):
    return "second" if place == "first" else "first"


def change(state, where, key, value):
    """Sets something, and counts it as a change if it was not so already."""
    if where.get(key) != value:
        where[key] = value
        state["changes"] += 1


def share_of(state, place):
    return state["second"] if place == "second" else 10_000 - state["second"]


def give(state, place, share):
    change(state, state, "second", share if place == "second" else 10_000 - share)


def reachable(share):
    """This platform has whole tenths of a per cent."""
    return share // 10 * 10


def answer(request):
    state = load()
    operation, target = request["operation"], request["target"]
    version = target["artifact"]["version"]
    stable = "first" if replaces else target["stable"]
    candidate = other(stable)
    if operation == "observe":
        def place(name):
            there = {"name": name, "served": state["served"][name]}
            if name in state["versions"]:
                there["version"] = state["versions"][name]
            return there

        return {"canary_share": share_of(state, candidate), "canary": place(candidate), "baseline": place(stable)}
    if operation == "reachable":
        return {"share": reachable(request["share"])}
    if operation == "deploy":
        if request["environment"] == "staging":
            change(state, state, "staging", version)
        else:
            change(state, state["versions"], candidate, version)
    elif operation == "set_traffic":
        share = reachable(request["share"])
        if share > 0 and candidate not in state["versions"]:
            raise Problem("rejected", f"nothing is installed in the {candidate} place")
        give(state, candidate, share)
    elif operation == "promote":
        if replaces:
            if (folder / "break-next-install").exists():
                (folder / "break-next-install").unlink()
                raise Problem("unavailable", "an instance of the stable place does not start")
            # First the version, then the traffic: whoever comes to the stable place finds the new version there.
            change(state, state["versions"], stable, version)
            save(state)
            give(state, candidate, 0)
    else:
        raise Problem("rejected", f"unknown operation {operation!r}")
    save(state)
    if (folder / "lose-next-answer").exists():
        (folder / "lose-next-answer").unlink()
        raise Problem("timed_out", "no answer from the platform")
    return {"ok": True}


try:
    print(json.dumps(answer(json.load(sys.stdin))))
except Problem as problem:
    print(json.dumps({"error": {"kind": problem.kind, "detail": str(problem)}}))
