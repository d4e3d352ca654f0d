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
# that readers round, and no record is earlier than the one before it.
jq -nRr '
    def string: "(?<string>\"(?>[^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]"
        + "|\\\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
        + "|\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2})*+\")";
    def number: "(?>-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)";
    def value: "(?<value>" + string
        + "|\\{(?:\\g<string>:\\g<value>(?:,\\g<string>:\\g<value>)*+)?\\}"
        + "|\\[(?:\\g<value>(?:,\\g<value>)*+)?\\]|" + number + "|true|false|null)";
    def record: "^\\{\"v\":1,\"release\":\"(?<release>[A-Za-z0-9._-]{1,128})\",\"seq\":(?<seq>0|[1-9][0-9]{0,15})"
        + ",\"prev\":\"(?<prev>[0-9a-f]{64})\""
        + ",\"at\":\"(?<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z)\""
        + ",\"by\":\"(?:user|service|system):[A-Za-z0-9._@+-]{1,64}\",\"kind\":\"[a-z0-9_]{1,64}\""
        + ",\"data\":(?=\\{)" + value + "\\}$";
    def is_day: (.[0:19] + "Z") as $second | try (($second | fromdate | todate) == $second) catch false;
    def is_rounded: (test("^-?[0-9]{16,}$") and (ltrimstr("-") | length > 16 or . > "9007199254740991"))
        or (test("[eE.]") and (tonumber | fabs) >= 1.7976931348623157e308);
    def has_rounded: test("[:,\\[]-?[0-9]{16,}[,}\\]]|[eE][+]?[0-9]{3,}|[0-9]{300}")
        and ([scan("(?>\"(?>[^\"\\\\]|\\\\.)*+\")|-?[0-9][-+.0-9eE]*") | select(startswith("\"") | not)] | any(is_rounded));
    foreach inputs as $line ({ seq: -1, at: "" };
        .before = .at | .seq += 1 | .fields = (try ($line | capture(record)) catch null) | .at = (.fields.at // "");
        if .fields == null or ($line | utf8bytelength) > 65535 or (.at | is_day | not) or ($line | has_rounded)
        then error("record \(.seq) can not be read: it is not strict JSON, or not a record of version 1")
        elif .at < .before then error("record \(.seq) was made before the one before it")
        else "\(.fields.seq) \(.fields.release) \(.fields.prev)" end)
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

read -r release last head < head.txt || fail 'head.txt is not the release, the number of a record and its hash'
[ "$(printf '%s %s %s\n' "$release" "$last" "$head" | sha256sum)" = "$(sha256sum < head.txt)" ] ||
    fail 'head.txt is not the release, the number of a record and its hash'
seq=0
paste -d ' ' "$work/expected" "$work/named" | while read -r expected number of prev; do
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
