

# A record is read as relman reads it: what readers of JSON understand differently is refused. Whether it can have
# happened, and whether its verdict follows from what was measured, is not known here: `deploy-tool verify --deep` is.
MAX_LINE, MAX_DEPTH, MAX_INTEGER = 65_535, 32, 2**53 - 1
SHAPES = {
    "release": r"[A-Za-z0-9._-]{1,128}",
    "prev": r"[0-9a-f]{64}",
    "at": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z",
    "by": r"(user|service|system):[A-Za-z0-9._@+-]{1,64}",
    "kind": r"[a-z0-9_]{1,64}",
}


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
    if set(record) != {"v", "seq", "data", *SHAPES}:
        raise ValueError("a field is missing, or there is one more")
    if type(record["v"]) is not int or record["v"] != 1:
        raise ValueError("it is not of version 1")
    if type(record["seq"]) is not int or not isinstance(record["data"], dict):
        raise ValueError("`seq` is no integer, or `data` is no object")
    for field, shape in SHAPES.items():
        if not isinstance(record[field], str) or not re.fullmatch(shape, record[field]):
            raise ValueError(f"`{field}` is not as it should be")
    datetime.datetime.strptime(record["at"][:-5], "%Y-%m-%dT%H:%M:%S")
    return record


def read_chain(path, release):
    """The number of records of a file, and the hash of the last one."""
    # The hash of a record is that of a zero byte and its line, without the line feed.
    # Each record names the hash of the one before it; the first one names 64 zeros.
    seq, digest, at = 0, "0" * 64, ""
    with open(path, "rb") as file:
        for line in iter(lambda: file.readline(MAX_LINE + 2), b""):
            if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                fail(f"{release}: record {seq} has no line feed at its end and may be truncated")
            line = line.removesuffix(b"\n")
            try:
                record = read_record(line)
            except ValueError as problem:
                fail(f"{release}: record {seq} can't be read: {problem}")
            if record["release"] != release:
                fail(f"{release}: record {seq} belongs to {record['release']}")
            if (record["seq"], record["prev"]) != (seq, digest):
                fail(f"{release}: record {seq} does not follow from the one before it, or one of the two was altered")
            if record["at"] < at:
                fail(f"{release}: record {seq} was made before the one before it")
            seq, digest, at = seq + 1, hashlib.sha256(b"\0" + line).hexdigest(), record["at"]
    if seq == 0:
        fail(f"{release}: there are no records")
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


