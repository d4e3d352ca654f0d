#!/usr/bin/env python3
"""Checks a handover with Python's standard library alone: every file, every record, every head.

    python3 verify.py             says `unanchored`: whoever can rewrite this folder can rewrite its manifest, too
    python3 verify.py DIGEST      the digest of estate.json that the export printed, from another source than this folder

It shows that the records are unbroken chains. It does not show that what they say could happen, and that verdicts follow from
what was measured: `deploy-tool handover import` and `deploy-tool verify --deep` do.

Whoever can rewrite the folder can rewrite this script, too: run a copy of your own.

Exits with 0 if everything is right, and with 1 otherwise.
"""

import datetime
import hashlib
import json
import math
import pathlib
import re
import sys


def fail(problem):
    sys.exit(f"FAILED: {problem}")
