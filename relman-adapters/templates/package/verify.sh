#!/bin/sh
# Checks this package with coreutils and jq alone.
#
#   sh scripts/verify.sh          says `unanchored`: whoever can rewrite this package can rewrite its hashes, too
#   sh scripts/verify.sh HASH     HASH comes from another source: a tracker, a mail, a printout. It is the head of the
#                                 record, or the digest of SHA256SUMS, which stands for every file
#
# It shows that the record is one unbroken chain that ends at the head, and that there are the files that SHA256SUMS lists, as
# it lists them, and no others. It does not show that the documents say what the record says: only the digest of SHA256SUMS
# from elsewhere does, or `deploy-tool verify PACKAGE`, which makes them again from the record.
#
# Whoever can rewrite the package can rewrite this script, too: run a copy of your own.
#
# Exits with 0 if everything is right, and with 1 otherwise.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    exit 1
}
hash_of() {
    sha256sum < "$1" | cut -c 1-64
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every file below a folder, by its path. A link could lead elsewhere, and a pipe never ends.
files_below() {
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -d "$entry" ] && [ ! -L "$entry" ]; then
            (files_below "$entry") || exit 1
        elif [ -L "$entry" ] || { [ -e "$entry" ] && [ ! -f "$entry" ]; }; then
            fail "$entry is not a regular file"
        elif [ -e "$entry" ]; then
            printf '%s\n' "${entry#./}"
        fi
    done
}
for name in SHA256SUMS head.txt record.jsonl; do
    [ -f "$name" ] || fail "$name is missing"
done
(files_below .) > "$work/unsorted" || exit 1
sort "$work/unsorted" > "$work/found"
{
    cut -c 67- SHA256SUMS
    printf 'SHA256SUMS\n'
} | sort > "$work/listed"
comm -3 "$work/listed" "$work/found" | while read -r name; do
    fail "$name is missing, or no part of the package: SHA256SUMS and the folder do not name the same files"
done
[ "$(wc -l < SHA256SUMS)" = "$(cut -c 1 SHA256SUMS | wc -l)" ] || fail 'SHA256SUMS has no line feed at its end'
sha256sum --quiet --strict --check SHA256SUMS || fail 'a file differs from what was packed'

# A record is read as relman reads it: what readers of JSON understand differently is refused. First the bytes: what jq reads
# of each line is written as it was only if that is UTF-8 and ends with a line feed.
[ "$(jq -Rr . record.jsonl | sha256sum)" = "$(sha256sum < record.jsonl)" ] ||
    fail 'the record is not UTF-8, or its last line has no line feed and may be truncated'
# Then each line: the fields of a record in their order, and strict JSON for its data; no line is too long, no number is one
# that readers round, and no record is earlier than the one before it, or of an earlier version. A decision that has begun is
# finished: a journal takes all of its records or none.
jq -nRr '
    def string: "(?<string>\"(?>[^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]"
        + "|\\\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
        + "|\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2})*+\")";
    def number: "(?>-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)";
    def value: "(?<value>" + string
        + "|\\{(?:\\g<string>:\\g<value>(?:,\\g<string>:\\g<value>)*+)?\\}"
        + "|\\[(?:\\g<value>(?:,\\g<value>)*+)?\\]|" + number + "|true|false|null)";
    def moment: "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z";
    def place: "(?<release>[A-Za-z0-9._-]{1,128})\",\"seq\":(?<seq>0|[1-9][0-9]{0,15}),\"prev\":\"(?<prev>[0-9a-f]{64})\""
        + ",\"at\":\"(?<at>" + moment + ")\"";
    def by: ",\"by\":\"(?:user|service|system):[A-Za-z0-9._@+-]{1,64}\"";
    def kind: ",\"kind\":\"[a-z0-9_]{1,64}";
    def data: "\",\"data\":(?=\\{)" + value + "\\}$";
    def record_1: "^\\{\"v\":(?<v>1),\"release\":\"" + place + by + kind + data;
    def record_2: "^\\{\"v\":(?<v>2),\"stream\":\"release:" + place + "(?:,\"clock\":\"(?<clock>" + moment + ")\")?" + by
        + "(?:,\"batch\":\\[(?<first>0|[1-9][0-9]{0,15}),(?<count>[1-9][0-9]{0,15})\\])?"
        + kind + "(?:/(?:[2-9]|[1-9][0-9]{1,3}))?" + data;
    def is_day: (.[0:19] + "Z") as $second | try (($second | fromdate | todate) == $second) catch false;
    def is_rounded: (test("^-?[0-9]{16,}$") and (ltrimstr("-") | length > 16 or . > "9007199254740991"))
        or (test("[eE.]") and (tonumber | fabs) >= 1.7976931348623157e308);
    def has_rounded: test("[:,\\[]-?[0-9]{16,}[,}\\]]|[eE][+]?[0-9]{3,}|[0-9]{300}")
        and ([scan("(?>\"(?>[^\"\\\\]|\\\\.)*+\")|-?[0-9][-+.0-9eE]*") | select(startswith("\"") | not)] | any(is_rounded));
    # The records that one decision made: the first and how many, this one among them.
    def is_batch($seq): .[1] >= 2 and .[0] <= 9007199254740992 - .[1] and .[0] <= $seq and $seq - .[0] < .[1];
    foreach inputs as $line ({ seq: -1, at: "", v: 1, open: null };
        .before = { at, v, open } | .seq += 1
        | .fields = (try ([$line | capture(record_2), capture(record_1)] | .[0]) catch null)
        | .at = (.fields.at // "") | .clock = (.fields.clock // .at) | .v = (.fields.v // "1" | tonumber)
        | .batch = (if .fields.first == null then null else [(.fields.first, .fields.count) | tonumber] end)
        | .seq as $seq | .open = (if .batch != null and $seq < .batch[0] + .batch[1] - 1 then .batch else null end);
        if .fields == null or ($line | utf8bytelength) > 65535 or (.at | is_day | not) or ($line | has_rounded)
            or (.clock | is_day | not) or .fields.clock == .at
            or (.batch != null and ((.fields.seq | tonumber) as $seq | .batch | is_batch($seq) | not))
        then error("record \(.seq) can not be read: it is not strict JSON, or not a record of version 1 or 2")
        elif .at < .before.at then error("record \(.seq) was made before the one before it")
        elif .v < .before.v
        then error("record \(.seq) is of version \(.v), and the one before it of version \(.before.v)")
        elif .before.open != null and .batch != .before.open
        then error("record \(.seq) stands among the \(.before.open[1]) records of the decision that began with record "
            + "\(.before.open[0]), and is not one of them")
        elif .before.open == null and .batch != null and .batch[0] != .seq
        then error("record \(.seq) says that the decision that made it began with record \(.batch[0]), and that record says "
            + "otherwise")
        else "\(.fields.seq) \(.fields.release) \(.fields.prev) \(.open // [] | map(tostring) | join(" "))" end)
' record.jsonl > "$work/named" 2> "$work/problem" || fail "$(cat "$work/problem")"
# Then the objects in it: no key stands there twice, and nothing nests deeper than 32 levels. A value is complete once.
jq -nr --stream '
    foreach inputs as $part ({ line: 0 };
        (if .ended then .line += 1 else . end) | .ended = (($part | length) == 1 and ($part[0] | length) == 1)
        | .path = (if ($part | length) == 2 then $part[0] else $part[0][:-1] end)
        | .deep = ((.path | length) > 32 or ((.path | length) == 32 and $part[1] == []));
        if .deep then error("record \(.line) nests deeper than 32 levels") else "\(.line) \(.path)" end)
' record.jsonl 2> "$work/problem" > "$work/paths" || fail "$(cat "$work/problem")"
sort "$work/paths" | uniq -d | while read -r line path; do
    fail "record $line has a key twice: $path"
done

# The hash of a record is that of a zero byte and its line, without the line feed.
while IFS= read -r line; do printf '\0%s' "$line" | sha256sum; done < record.jsonl | cut -c 1-64 > "$work/hash"
# Each record names the hash of the one before it; the first one names 64 zeros.
{
    printf '%064d\n' 0
    head -n -1 "$work/hash"
} > "$work/expected"

tail -n 1 "$work/named" | while read -r seq of prev first count; do
    [ -z "$first" ] || fail "record $((seq + 1)) is missing; the decision that began with record $first is cut: \
$((seq + 1 - first)) of $count records are there"
done

read -r release last head < head.txt || fail 'head.txt is not the release, the number of a record and its hash'
[ "$(printf '%s %s %s\n' "$release" "$last" "$head" | sha256sum)" = "$(sha256sum < head.txt)" ] ||
    fail 'head.txt is not the release, the number of a record and its hash'
seq=0
paste -d ' ' "$work/expected" "$work/named" | while read -r expected number of prev open; do
    [ "$number" = "$seq" ] || fail "record $seq claims to be record $number"
    [ "$of" = "$release" ] || fail "record $seq belongs to $of"
    [ "$prev" = "$expected" ] || fail "record $seq does not follow from the one before it, or one of the two was altered"
    seq=$((seq + 1))
done
[ "$(($(wc -l < "$work/hash") - 1))" = "$last" ] || fail "the last record is not $last"
[ "$(tail -n 1 "$work/hash")" = "$head" ] || fail "record $last does not match the head"

manifest=$(hash_of SHA256SUMS)
word=unanchored
documents="unanchored: every file is as SHA256SUMS lists it, digest $manifest; whether the documents say what the record says, \
only \`deploy-tool verify PACKAGE\` shows"
for given in "$@"; do
    case $given in
        "$head") word=verified ;;
        "$manifest")
            word=verified
            documents='verified: every file is as it was packed, by the digest of SHA256SUMS that you gave'
            ;;
        *) fail "the head is $head and the digest of SHA256SUMS is $manifest; neither is $given" ;;
    esac
done
printf '%s: the record of %s is consistent, head %s %s\n' "$word" "$release" "$last" "$head"
printf '%s\n' "$documents"
