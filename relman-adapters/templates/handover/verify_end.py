def file_of(release):
    """The record of a release. An old name that begins with neither a letter nor a digit has an underscore before it."""
    if not re.fullmatch(SHAPES["release"], release):
        fail(f"estate.json names a release {release!r}, which is no name")
    return f"releases/{release if re.match('[A-Za-z0-9]', release) else '_' + release}.jsonl"


def file_of_target(stream):
    """The record of a target, or of what holds for all of them."""
    if not re.fullmatch(SHAPES["stream"], stream) or stream.startswith("release:"):
        fail(f"estate.json names a target {stream!r}, which is no name")
    return "all-targets.jsonl" if stream == "estate" else f"targets/{stream.removeprefix('target:')}.jsonl"


root = pathlib.Path(__file__).resolve().parent
raw = (root / "estate.json").read_bytes()
manifest_digest = hashlib.sha256(raw).hexdigest()
if len(sys.argv) > 1 and sys.argv[1] != manifest_digest:
    fail(f"the digest of estate.json is {manifest_digest}, not {sys.argv[1]}")
try:
    manifest = json.loads(raw.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    if set(manifest) - {"targets"} != {"v", "taken_at", "releases", "files"} or manifest["v"] != 1:
        raise ValueError("it is not of version 1")
except ValueError as problem:
    fail(f"estate.json can't be read: {problem}")

targets = manifest.get("targets", {})
named = {"estate.json", *manifest["files"], *map(file_of, manifest["releases"]), *map(file_of_target, targets)}
found = files_below(root)
for name in sorted(named ^ found):
    fail(f"{name} is {'missing' if name in named else 'not named in estate.json'}")

for name, digest in manifest["files"].items():
    if read_hash(root / name) != digest:
        fail(f"{name} differs from what was exported")

records = 0
for release, listed in manifest["releases"].items():
    count, digest = read_chain(root / file_of(release), release)
    if (count, count - 1, digest) != (listed["records"], listed["head"]["seq"], listed["head"]["digest"]):
        fail(f"{release} does not end as estate.json says")
    records += count

for stream, listed in targets.items():
    count, digest = read_chain(root / file_of_target(stream), stream)
    if (count, count - 1, digest) != (listed["records"], listed["head"]["seq"], listed["head"]["digest"]):
        fail(f"{stream} does not end as estate.json says")

word = "verified" if len(sys.argv) > 1 else "unanchored"
print(f"{word}: {len(manifest['releases'])} releases with {records} records, digest {manifest_digest}")
