#!/usr/bin/env python3
"""Checks this package with Python's standard library alone.

    python3 scripts/verify.py         says `unanchored`: whoever can rewrite this package can rewrite its hashes, too
    python3 scripts/verify.py HASH    HASH comes from another source: a tracker, a mail, a printout. It is the head of
                                      the record, or the digest of SHA256SUMS, which stands for every file

It shows that the record is one unbroken chain that ends at the head, and that there are the files that SHA256SUMS lists, as
it lists them, and no others. It does not show that the documents say what the record says: only the digest of SHA256SUMS
from elsewhere does, or `deploy-tool verify PACKAGE`, which makes them again from the record.

Whoever can rewrite the package can rewrite this script, too: run a copy of your own.

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
