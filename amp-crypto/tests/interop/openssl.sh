#!/usr/bin/env bash
# Keys and signatures exchanged with the openssl command, in both directions: what one writes, the other reads.
# Needs openssl 3.0 or later. ROUNDS=n repeats with fresh keys (default 8).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

rounds="${ROUNDS:-8}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cargo build --locked --quiet -p amp-crypto --all-features --example openssl_bridge
bridge="$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/examples/openssl_bridge"

checks=0
fail() { echo "FAILED: $*" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; checks=$((checks + 1)); }
refused() { local what="$1"; shift; if "$@" >/dev/null 2>&1; then fail "$what was accepted"; fi; checks=$((checks + 1)); }
base64_line() { openssl base64 -A; }
sha256_base64() { openssl dgst -sha256 -binary | base64_line; }
public_of() { openssl pkey -in "$1" -pubout -out "$2"; }
sign_ed25519() { openssl pkeyutl -sign -rawin -inkey "$1" -in "$2" | base64_line; }
# openssl's verdict on a base64 signature of ours.
openssl_accepts() { # public, string, signature
    openssl base64 -d -A -in "$3" -out "$work/signature.bin"
    openssl pkeyutl -verify -rawin -pubin -inkey "$1" -in "$2" -sigfile "$work/signature.bin" >/dev/null
}

for round in $(seq "$rounds"); do
    hash="$(printf 'payload %s' "$round" | sha256_base64)"
    printf 'alice@acme.crabmail.ai|bob@acme.crabmail.ai|Round %s | naïve|normal||%s' "$round" "$hash" >"$work/string"
    printf 'alice@acme.crabmail.ai|bob@acme.crabmail.ai|Another %s|normal||%s' "$round" "$hash" >"$work/other"

    # Their key, their signature; the same signature from us, since Ed25519 is deterministic.
    openssl genpkey -algorithm ed25519 -out "$work/theirs"
    public_of "$work/theirs" "$work/theirs.pub"
    same "public key" "$(cat "$work/theirs.pub")" "$("$bridge" public "$work/theirs")"
    sign_ed25519 "$work/theirs" "$work/string" >"$work/signature"
    same "their signature" ordinary "$("$bridge" verify "$work/theirs.pub" "$work/string" "$work/signature")"
    same "one signature" "$(cat "$work/signature")" "$("$bridge" sign "$work/theirs" "$work/string")"
    refused "their signature of another string" "$bridge" verify "$work/theirs.pub" "$work/other" "$work/signature"

    # Our key and our signature, read by them.
    "$bridge" key "$((round + 16))" >"$work/ours"
    public_of "$work/ours" "$work/ours.pub"
    same "our public key" "$(cat "$work/ours.pub")" "$("$bridge" public "$work/ours")"
    "$bridge" sign "$work/ours" "$work/string" >"$work/signature"
    openssl_accepts "$work/ours.pub" "$work/string" "$work/signature" || fail "openssl refused our signature"
    checks=$((checks + 1))
    refused "our signature of another string" openssl_accepts "$work/ours.pub" "$work/other" "$work/signature"

    # Fingerprints, over either form of the key.
    der() { openssl pkey -pubin -in "$work/ours.pub" -outform DER; }
    same fingerprints "$(der | tail -c 32 | sha256_base64) $(der | sha256_base64)" "$("$bridge" fingerprint "$work/ours.pub")"

    # Rotation: theirs over three forms, ours over hex.
    der | tail -c 32 >"$work/new.raw"
    od -An -v -tx1 "$work/new.raw" | tr -d ' \n' >"$work/new.hex"
    printf '%s' "$(cat "$work/ours.pub")" >"$work/new.trimmed"
    der >"$work/new.der"
    for form in hex:Hex pub:Pem trimmed:Pem der:Der; do
        file="$work/new.${form%%:*}"
        [ "${form%%:*}" != pub ] || file="$work/ours.pub"
        sign_ed25519 "$work/theirs" "$file" >"$work/proof"
        same "rotation over ${form%%:*}" "${form##*:}" "$("$bridge" verify-rotation "$work/theirs.pub" "$work/ours.pub" "$work/proof")"
    done
    sign_ed25519 "$work/theirs" "$work/new.raw" >"$work/proof"
    refused "rotation over the raw key" "$bridge" verify-rotation "$work/theirs.pub" "$work/ours.pub" "$work/proof"
    "$bridge" rotate "$work/theirs" "$work/ours.pub" >"$work/proof"
    openssl_accepts "$work/theirs.pub" "$work/new.hex" "$work/proof" || fail "openssl refused our rotation proof"
    checks=$((checks + 1))

    # The algorithms that are only verified, in both readings of "sign the digest".
    openssl dgst -sha256 -binary "$work/string" >"$work/digest"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/p256" 2>/dev/null
    kinds="p256"
    if [ "$round" -le 2 ]; then
        openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$((1024 + round * 1024))" -out "$work/rsa" 2>/dev/null
        kinds="p256 rsa"
    fi
    for kind in $kinds; do
        public_of "$work/$kind" "$work/$kind.pub"
        openssl dgst -sha256 -sign "$work/$kind" "$work/string" | base64_line >"$work/signature"
        same "$kind" ordinary "$("$bridge" verify "$work/$kind.pub" "$work/string" "$work/signature")"
        refused "$kind of another string" "$bridge" verify "$work/$kind.pub" "$work/other" "$work/signature"
        refused "$kind under an Ed25519 key" "$bridge" verify "$work/ours.pub" "$work/string" "$work/signature"
        openssl dgst -sha256 -sign "$work/$kind" "$work/digest" | base64_line >"$work/signature"
        same "$kind, digest signed" digest-as-message "$("$bridge" verify "$work/$kind.pub" "$work/string" "$work/signature")"
        same "$kind fingerprint" "- $(openssl pkey -pubin -in "$work/$kind.pub" -outform DER | sha256_base64)" \
            "$("$bridge" fingerprint "$work/$kind.pub")"
    done
done
echo "openssl: $checks checks passed in $rounds rounds ($(openssl version | cut -d' ' -f1,2))"
