

# A record is read as relman reads it: what readers of JSON understand differently is refused. Whether it can have
# happened, and whether its verdict follows from what was measured, is not known here: `deploy-tool verify --deep` is.
MAX_LINE, MAX_DEPTH, MAX_INTEGER = 65_535, 32, 2**53 - 1
NAME = r"[A-Za-z0-9._-]{1,128}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
SHAPES = {
    "release": NAME,
    "stream": "(release|target):" + NAME + "|estate",
    "prev": r"[0-9a-f]{64}",
    "at": TIME,
    "clock": TIME,
    "by": r"(user|service|system):[A-Za-z0-9._@+-]{1,64}",
    "kind": r"[a-z0-9_]{1,64}(/([2-9]|[1-9][0-9]{1,3}))?",
}
EVERY = {"v", "seq", "prev", "at", "by", "kind", "data"}
# The fields of each version, and those that may be left out.
FIELDS = {1: (EVERY | {"release"}, set()), 2: (EVERY | {"stream"}, {"clock", "batch"})}


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def integer(text):
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise ValueError(f"the integer {text} is beyond 2^53-1")
    return int(text)


def real(text):
    if math.isinf(float(text)):
        raise ValueError(f"the number {text} is too large")
    return float(text)


def constant(text):
    raise ValueError(f"{text} is no number")


def check(value, depth):
    if isinstance(value, str):
        # Half of a pair of surrogates is no character.
        value.encode()
    elif isinstance(value, (list, dict)):
        if depth == MAX_DEPTH and (value or isinstance(value, list)):
            raise ValueError("it nests too deep")
        for part in value:
            check(part, depth + 1)
        if isinstance(value, dict):
            for part in value.values():
                check(part, depth + 1)


def check_batch(batch, seq):
    """The records that one decision made: the first, and how many."""
    if not isinstance(batch, list) or [type(part) for part in batch] != [int, int]:
        raise ValueError("`batch` is not a first record and a number of records")
    first, count = batch
    if first < 0 or count < 2 or first + count - 1 > MAX_INTEGER or not first <= seq < first + count:
        raise ValueError(f"`batch` is not 2 records or more of which this is one: {batch}")


def read_record(line):
    """The fields of a record. Raises ValueError where the line is none."""
    if len(line) > MAX_LINE:
        raise ValueError("the line is too long")
    text = line.decode("utf-8")
    if not (text.startswith("{") and text.endswith("}")) or "\r" in text:
        raise ValueError("the line is not one object without anything around it")
    try:
        record = json.loads(
            text, object_pairs_hook=unique, parse_int=integer, parse_float=real, parse_constant=constant
        )
        check(record, 0)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if type(record.get("v")) is not int or record["v"] not in FIELDS:
        raise ValueError("it is not of version 1 or 2")
    every, some = FIELDS[record["v"]]
    if not every <= set(record) <= every | some:
        raise ValueError("a field is missing, or there is one more")
    if type(record["seq"]) is not int or not isinstance(record["data"], dict):
        raise ValueError("`seq` is no integer, or `data` is no object")
    for field, shape in SHAPES.items():
        if field in record and not (isinstance(record[field], str) and re.fullmatch(shape, record[field])):
            raise ValueError(f"`{field}` is not as it should be")
    if record["v"] == 1 and "/" in record["kind"]:
        raise ValueError("`kind` is not as it should be")
    for moment in (record["at"], record.get("clock", record["at"])):
        datetime.datetime.strptime(moment[:-5], "%Y-%m-%dT%H:%M:%S")
    if record.get("clock") == record["at"]:
        raise ValueError("`clock` says what `at` says")
    if "batch" in record:
        check_batch(record["batch"], record["seq"])
    return record


def read_chain(path, release):
    """The number of records of a file, and the hash of the last one."""
    # The hash of a record is that of a zero byte and its line, without the line feed.
    # Each record names the hash of the one before it; the first one names 64 zeros.
    # The version never goes back, and a decision that has begun is finished: a journal takes all of its records or none.
    seq, digest, at, version, open_batch = 0, "0" * 64, "", 1, None
    with open(path, "rb") as file:
        for line in iter(lambda: file.readline(MAX_LINE + 2), b""):
            if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                fail(f"{release}: record {seq} has no line feed at its end and may be truncated")
            line = line.removesuffix(b"\n")
            try:
                record = read_record(line)
            except ValueError as problem:
                fail(f"{release}: record {seq} can't be read: {problem}")
            named = record["stream"].removeprefix("release:") if "stream" in record else record["release"]
            if named != release:
                fail(f"{release}: record {seq} belongs to {named}")
            if (record["seq"], record["prev"]) != (seq, digest):
                fail(f"{release}: record {seq} does not follow from the one before it, or one of the two was altered")
            if record["at"] < at:
                fail(f"{release}: record {seq} was made before the one before it")
            if record["v"] < version:
                fail(f"{release}: record {seq} is of version {record['v']}, and the one before it of version {version}")
            batch = record.get("batch")
            if open_batch and batch != open_batch:
                first, count = open_batch
                fail(
                    f"{release}: record {seq} stands among the {count} records of the decision that began with record "
                    f"{first}, and is not one of them"
                )
            if batch and not open_batch and batch[0] != seq:
                fail(
                    f"{release}: record {seq} says that the decision that made it began with record {batch[0]}, and that "
                    "record says otherwise"
                )
            version, open_batch = record["v"], batch if batch and seq < batch[0] + batch[1] - 1 else None
            seq, digest, at = seq + 1, hashlib.sha256(b"\0" + line).hexdigest(), record["at"]
    if seq == 0:
        fail(f"{release}: there are no records")
    if open_batch:
        first, count = open_batch
        fail(
            f"{release}: record {seq} is missing; the decision that began with record {first} is cut: {seq - first} of "
            f"{count} records are there"
        )
    return seq, digest


def read_hash(path):
    """The hash of a file of any size."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 16), b""):
            digest.update(part)
    return digest.hexdigest()


def files_below(root):
    """Every file, by its path. A link could lead elsewhere, and a pipe never ends."""
    found = set()
    for path in root.rglob("*"):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            fail(f"{path.relative_to(root).as_posix()} is not a regular file")
        if not path.is_dir():
            found.add(path.relative_to(root).as_posix())
    return found


