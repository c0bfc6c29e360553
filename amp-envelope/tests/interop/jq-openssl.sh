#!/usr/bin/env bash
# Messages exchanged with jq and openssl, in both directions, as a shell client signs and verifies them:
# `jq -cS` writes the canonical form, openssl hashes and signs. What the one signs, the other verifies, and a changed
# copy is refused; where jq writes a payload differently, the library says so beforehand and names the dialect after.
# Needs jq 1.6 or later and openssl 3.0 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

for tool in jq openssl; do
    command -v "$tool" >/dev/null || { echo "jq-openssl: SKIPPED, no $tool here"; exit 0; }
done
case "$(jq --version)" in
jq-1.[0-5]*) echo "jq-openssl: SKIPPED, $(jq --version) is older than 1.6"; exit 0 ;;
jq-1.6*) dialect=jq-1.6 ;;
*) dialect=jq-1.7 ;;
esac

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cargo build --locked --quiet -p amp-envelope --all-features --example jq_bridge
cargo build --locked --quiet -p amp-examples --example vectors
programs="$(cargo metadata --locked --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/examples"

checks=0
fail() { echo "FAILED: $*" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; checks=$((checks + 1)); }

# One message a line; context and attachment hold JSON, spelled as it is to be sent.
cat >"$work/drafts" <<'DRAFTS'
{"subject":"Plain","text":"Hello","type":"notification"}
{"subject":"Gr\u00fc\u00dfe \ud83d\ude00 \u65e5\u672c\u8a9e","text":"na\u00efve \u0645\u0631\u062d\u0628\u0627 \ud83d\udc69\u200d\ud83d\udc67","type":"request"}
{"subject":"a|b|urgent||","text":"a subject with separators","type":"request","priority":"high"}
{"subject":"x|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=","text":"a subject like a tail","type":"alert","priority":"urgent"}
{"subject":"  spaces  around  ","text":"  and here  ","type":"task","priority":"low"}
{"subject":"quote \" back \\ slash / tab \t","text":"quote \" back \\ slash / \b\f\n\r\t","type":"status"}
{"subject":"$(id) `id` ${HOME} %s","text":"-n -e \\u0041 $(id)","type":"update"}
{"subject":"Controls","text":"\u0000\u0001\u000b\u001f","type":"status"}
{"subject":"Separators","text":"\u2028\u2029\ufeff\u202e\u00a0","type":"status"}
{"subject":"Noncharacters","text":"\ufffe\uffff\udbff\udfff","type":"status"}
{"subject":"Accents","text":"\u00e9 e\u0301 \ufb00 \u00df \u0130","type":"status"}
{"subject":"Delete","text":"a\u007fb","type":"status"}
{"subject":"No text","text":"","type":"ack"}
{"subject":"Name of a type","text":"pushed","type":"github:push"}
{"subject":"An answer","text":"yes","type":"response","answers":true}
{"subject":"Re: an answer | of urgency","text":"no","type":"response","priority":"urgent","answers":true,"context":"{\"n\":1.5}"}
{"subject":"Empty context","text":"m","type":"request","context":"{}"}
{"subject":"Nested","text":"m","type":"request","context":"{\"z\":[{\"b\":1,\"a\":[[],{}]},null,true,false],\"a\":{\"c\":{\"b\":{\"a\":\"deep\"}}}}"}
{"subject":"White space","text":"m","type":"request","context":"{ \"b\" : [ 1 ,\n 2 ] ,\t\"a\" : { } }"}
{"subject":"Escapes","text":"m","type":"request","context":"{\"\\u0061\":\"\\/\\u00e9\\ud83d\\ude00\",\"b\\n\":\"\\u0000\"}"}
{"subject":"Cases","text":"m","type":"request","context":"{\"A\":1,\"a\":2,\"_\":3,\"Z\":4,\"\":5,\" \":6}"}
{"subject":"Names beyond ASCII","text":"m","type":"request","context":"{\"z\":1,\"\u00e9\":2,\"\u65e5\":3}"}
{"subject":"Order of names","text":"m","type":"request","context":"{\"\ud83d\ude00\":1,\"\uffee\":2}"}
{"subject":"Delete in a name","text":"m","type":"request","context":"{\"\u007f\":1}"}
{"subject":"Index names","text":"m","type":"request","context":"{\"10\":1,\"9\":2,\"a\":3,\"01\":4,\"-1\":5}"}
{"subject":"Integers","text":"m","type":"request","context":"{\"n\":[0,-1,9007199254740991,-9007199254740991]}"}
{"subject":"Halves","text":"m","type":"request","context":"{\"n\":[1.5,-0.25,0.1,3.141592653589793,333333333.33333329]}"}
{"subject":"Spellings","text":"m","type":"request","context":"{\"n\":[1.0,4.50,1E+2,100e-2,2.5e-3]}"}
{"subject":"Zeros","text":"m","type":"request","context":"{\"n\":[-0,0.0,-0.0,0e10]}"}
{"subject":"Small","text":"m","type":"request","context":"{\"n\":0.00001}"}
{"subject":"Smaller","text":"m","type":"request","context":"{\"n\":1e-7}"}
{"subject":"Smallest","text":"m","type":"request","context":"{\"n\":5e-324}"}
{"subject":"Large","text":"m","type":"request","context":"{\"n\":1e17}"}
{"subject":"Larger","text":"m","type":"request","context":"{\"n\":[1e20,1.0]}"}
{"subject":"Largest","text":"m","type":"request","context":"{\"n\":1.7976931348623157e308}"}
{"subject":"An attachment","text":"see","type":"task","attachment":"{\"id\":\"att_1\",\"filename\":\"Gr\u00fc\u00dfe.pdf\",\"size\":1024,\"url\":null}"}
{"subject":"Attachment and context","text":"see","type":"task","attachment":"{\"filename\":\"a\",\"size\":1,\"scale\":1.0}","context":"{\"pr\":42}"}
DRAFTS

# For jq: a message's signing string without the hash, which follows; in base64, so that it stays on one line.
fields='.envelope | [.from, .to, .subject, (.priority // "normal"), (.in_reply_to // ""), ""] | join("|") | @base64'
sha256() { openssl dgst -sha256 -binary | openssl base64 -A; }

# Ours, verified by them.
"$programs/jq_bridge" key >"$work/ours.pub"
"$programs/jq_bridge" sign "$dialect" <"$work/drafts" >"$work/signed"
cut -f1 "$work/signed" >"$work/agree"
cut -f2- "$work/signed" >"$work/messages"
jq -cS .payload <"$work/messages" >"$work/canonical"
jq -r "$fields" <"$work/messages" >"$work/strings"
jq -r .envelope.signature <"$work/messages" >"$work/signatures"
agreed=0
while read -r agrees && read -r canonical <&3 && read -r string <&4 && read -r signature <&5 && read -r draft <&6; do
    { openssl base64 -d -A <<<"$string"; printf '%s' "$canonical" | sha256; } >"$work/string"
    openssl base64 -d -A <<<"$signature" >"$work/signature"
    verdict=no
    openssl pkeyutl -verify -rawin -pubin -inkey "$work/ours.pub" -in "$work/string" -sigfile "$work/signature" \
        >/dev/null 2>&1 && verdict=yes
    same "openssl's verdict on $draft" "$agrees" "$verdict"
    [ "$verdict" = no ] || agreed=$((agreed + 1))
done <"$work/agree" 3<"$work/canonical" 4<"$work/strings" 5<"$work/signatures" 6<"$work/drafts"
lines="$(wc -l <"$work/drafts")"
same "messages" "$lines" "$checks"
[ "$agreed" -gt $((lines / 2)) ] && [ "$agreed" -lt "$lines" ] || fail "$agreed of $lines verified"

# Theirs, verified by us: as received, under jq's dialect alone; and with one letter of the text added, under all.
openssl genpkey -algorithm ed25519 -out "$work/theirs"
openssl pkey -in "$work/theirs" -pubout -out "$work/theirs.pub"
payload='"{\"type\":\(.type | tojson),\"message\":\(.text | tojson)"
    + (if .context then ",\"context\":" + .context else "" end)
    + (if .attachment then ",\"attachments\":[" + .attachment + "]" else "" end) + "}"'
envelope='{version: "amp/0.1", id: "msg_1769767200_0123456789abcdef", from: "carol@acme.crabmail.ai",
    to: "bob@acme.crabmail.ai", subject, timestamp: "2026-01-30T10:00:00Z", thread_id: "msg_1769767200_0123456789abcdef",
    in_reply_to: (if .answers then "msg_1769767100_00ff00ff00ff00ff" else null end)}
    + (if .priority then {priority} else {} end)'
jq -c "{envelope: ($envelope), payload: ($payload)}" <"$work/drafts" >"$work/unsigned"
jq -r .payload <"$work/unsigned" | jq -cS . >"$work/canonical"
jq -r "$fields" <"$work/unsigned" >"$work/strings"
: >"$work/signatures"
while read -r canonical && read -r string <&3; do
    { openssl base64 -d -A <<<"$string"; printf '%s' "$canonical" | sha256; } >"$work/string"
    openssl pkeyutl -sign -rawin -inkey "$work/theirs" -in "$work/string" | openssl base64 -A >>"$work/signatures"
    echo >>"$work/signatures"
done <"$work/canonical" 3<"$work/strings"
cases='[inputs] as $messages | ($signatures | split("\n")) as $signature | range($messages | length) as $n | $messages[$n]
    | (.envelope + {signature: $signature[$n]} | tojson) as $envelope
    | {raw: "{\"envelope\":\($envelope),\"payload\":\(.payload)}", dialects: [$dialect]},
      {raw: "{\"envelope\":\($envelope),\"payload\":\(.payload | sub("\"message\":\""; "\"message\":\".")) }",
       dialects: ["jcs", "maestro", "jq-1.6", "jq-1.7", "python-utf8", "python-ascii"]}
    | {suite: "verify", id: "\($n)", input: (. + {public_key: $key, profile: "deployed"})}'
jq -nc --arg dialect "$dialect" --arg key "$(cat "$work/theirs.pub")" --arg signatures "$(cat "$work/signatures")" \
    "$cases" <"$work/unsigned" >"$work/cases"
"$programs/vectors" serve <"$work/cases" >"$work/answers"
verdicts="$(jq -r '"\(.id) \(.output.valid // .output.error // .error) \(.output.dialect // "")"' <"$work/answers")"
for n in $(seq 0 $((lines - 1))); do
    draft="$(sed -n "$((n + 1))p" "$work/drafts")"
    same "our verdict on $draft" "$n true $dialect" "$(sed -n "$((2 * n + 1))p" <<<"$verdicts")"
    same "our verdict on a changed $draft" "$n signature_invalid " "$(sed -n "$((2 * n + 2))p" <<<"$verdicts")"
done

echo "jq-openssl: $checks checks passed, $agreed of $lines messages of ours hold under $(jq --version) as the library predicts" \
    "($(openssl version | cut -d' ' -f1,2))"
