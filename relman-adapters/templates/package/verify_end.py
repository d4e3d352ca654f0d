root = pathlib.Path(__file__).resolve().parent.parent

listed = {}
try:
    sums = (root / "SHA256SUMS").read_bytes().decode("ascii")
except (OSError, ValueError):
    fail("SHA256SUMS can't be read")
for line in sums.split("\n")[:-1]:
    if not re.fullmatch(r"[0-9a-f]{64}  [^/].*", line) or line[66:] in listed:
        fail(f"SHA256SUMS is not a list of hashes: {line}")
    listed[line[66:]] = line[:64]
if not sums.endswith("\n"):
    fail("SHA256SUMS has no line feed at its end and may be truncated")
for name in sorted({"SHA256SUMS", *listed} ^ files_below(root)):
    fail(f"{name} is {'missing' if name in listed else 'no part of the package: SHA256SUMS does not list it'}")
for name, digest in listed.items():
    if read_hash(root / name) != digest:
        fail(f"{name} differs from what was packed")
for name in ("head.txt", "record.jsonl"):
    if name not in listed:
        fail(f"{name} is missing")

head_line = (root / "head.txt").read_bytes().decode("utf-8", "replace")
if not re.fullmatch(r"[A-Za-z0-9._-]{1,128} [0-9]{1,16} [0-9a-f]{64}\n", head_line):
    fail("head.txt is not the release, the number of a record and its hash")
release, last, head = head_line.split()
records, digest = read_chain(root / "record.jsonl", release)
if (str(records - 1), digest) != (last, head):
    fail(f"the record ends at {records - 1} {digest}, not at {last} {head}")

manifest = read_hash(root / "SHA256SUMS")
for given in sys.argv[1:]:
    if given not in (head, manifest):
        fail(f"the head is {head} and the digest of SHA256SUMS is {manifest}; neither is {given}")

word = "verified" if sys.argv[1:] else "unanchored"
print(f"{word}: the record of {release} is consistent, head {last} {head}")
if manifest in sys.argv[1:]:
    print(f"verified: every file is as it was packed, by the digest of SHA256SUMS that you gave")
else:
    print(
        f"unanchored: every file is as SHA256SUMS lists it, digest {manifest}; whether the documents say what the record "
        "says, only `deploy-tool verify PACKAGE` shows"
    )
