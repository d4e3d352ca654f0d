#!/bin/sh
# Checks this package with coreutils and jq alone: no file has changed since it was packed, and the record is one unbroken
# chain that ends at the head.
#
#   sh scripts/verify.sh          says `unanchored`: whoever can rewrite this package can rewrite its head, too
#   sh scripts/verify.sh HASH     HASH is the head from another source: a tracker, a mail, a printout
#
# Exits with 0 if everything is right, and with 1 otherwise.
set -eu
cd "$(dirname "$0")/.."
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    exit 1
}

sha256sum --quiet --strict --check SHA256SUMS || fail 'a file differs from what was packed'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The hash of a record is that of a zero byte and its line, without the line feed.
while IFS= read -r line; do printf '\0%s' "$line" | sha256sum; done < record.jsonl | cut -c 1-64 > "$work/hash"
# Each record names the hash of the one before it; the first one names 64 zeros.
{
    printf '%064d\n' 0
    head -n -1 "$work/hash"
} > "$work/expected"
jq -r '[.seq, .release, .prev] | @tsv' record.jsonl > "$work/named" || fail 'a record is not JSON'

read -r release last head < head.txt
seq=0
paste "$work/expected" "$work/named" | while read -r expected number of prev; do
    [ "$number" = "$seq" ] || fail "record $seq claims to be record $number"
    [ "$of" = "$release" ] || fail "record $seq belongs to $of"
    [ "$prev" = "$expected" ] || fail "record $seq does not follow from the one before it"
    seq=$((seq + 1))
done
[ "$(($(wc -l < "$work/hash") - 1))" = "$last" ] || fail "the last record is not $last"
[ "$(tail -n 1 "$work/hash")" = "$head" ] || fail "record $last does not match the head"

case "${1-}" in
    '') printf 'unanchored: %s is consistent, head %s %s\n' "$release" "$last" "$head" ;;
    "$head") printf 'verified: %s, head %s %s\n' "$release" "$last" "$head" ;;
    *) fail "the head is $head, not $1" ;;
esac
