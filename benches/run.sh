#!/usr/bin/env bash
# Measures the family beside its peers.
#   benches/run.sh           everything (criterion, the interleaved rows, instruction counts where valgrind is
#                            installed) and writes docs/performance.md: about ten minutes once built
#   benches/run.sh --quick   only the interleaved rows: one JSON line a row on stdout, under 45 seconds once built
# What it does is told on stderr.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
target="${CARGO_TARGET_DIR:-$here/target}"
export CARGO_TARGET_DIR="$target"
gungraun=0.20.0

say() { printf 'benches: %s\n' "$*" >&2; }
# Cargo looks for settings and toolchains where it is started.
cd "$here"

case "${1:-}" in
--quick | '') ;;
*)
    echo "usage: benches/run.sh [--quick]" >&2
    exit 2
    ;;
esac

# The peers of sealing want a C compiler and make.
peers=sealing-peers
say "building"
if ! cargo build --release --locked --features "$peers" --bin quick --bin allocations >&2; then
    say "the peers of sealing cannot be built here: they are left out"
    peers=
fi
if [ "${1:-}" != --quick ]; then
    # A build has one backend of sealing, and each is measured beside the peers: this one under a name of its own.
    cargo build --release --locked --features "$peers aws-lc" --bin quick --bin allocations --bin file_stream >&2
    mkdir -p "$target/aws-lc"
    cp "$target/release/"{quick,allocations,file_stream} "$target/aws-lc/"
fi
cargo build --release --locked --features "$peers" --bins >&2
if [ "${1:-}" = --quick ]; then
    exec "$target/release/quick"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

say "interleaved rows"
"$target/release/quick" --patience 3 >"$work/rows"
"$target/aws-lc/quick" --patience 3 --filter seal >>"$work/rows"

say "scan"
"$target/release/scan" >"$work/scan"

say "guards"
"$target/release/guards" >"$work/guards"

say "stores"
# Where there is one, in a file system in memory: a hundred thousand synced appends say more of the disk than of us.
memory="$([ -d /dev/shm ] && [ -w /dev/shm ] && echo /dev/shm || echo "$work")"
"$target/release/stores" 100000 "$memory" >"$work/stores"
"$target/release/stores" 2000 "$work" >"$work/stores-on-disk"

say "round trips, open inboxes, soak"
"$target/release/round_trips" >"$work/round_trips"
"$target/release/round_trips" inboxes >"$work/inboxes"
"$target/release/round_trips" soak >"$work/soak"

say "a sealed file of 10 GiB"
"$target/release/file_stream" >"$work/file_stream"
"$target/aws-lc/file_stream" >"$work/file_stream-aws-lc"

say "criterion"
cargo bench --locked --features "$peers" --bench peers >&2

instructions=()
tools="$target/tools"
export PATH="$tools/bin:$PATH"
if ! command -v valgrind >/dev/null; then
    say "no valgrind here: instructions are not counted"
elif ! command -v gungraun-runner >/dev/null &&
    ! cargo install --quiet --locked --root "$tools" gungraun-runner --version "$gungraun" >&2; then
    say "gungraun-runner $gungraun cannot be installed: instructions are not counted"
elif NO_COLOR=1 cargo bench --locked --features "$peers" --bench instructions >"$work/instructions" 2>"$work/instructions.log"; then
    instructions=("$work/instructions")
else
    cat "$work/instructions.log" >&2
    say "callgrind failed: instructions are not counted"
fi

cpu="$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n1)"
cpu="${cpu:-$(sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m)}"
cores="$(getconf _NPROCESSORS_ONLN)"
features="$(sed -n 's/^flags[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -n1 | tr ' ' '\n' |
    grep -xE 'avx2|avx512f|avx512ifma|sha_ni' | tr '\n' ' ' || true)"
revision="$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)"
if [ -n "$(git -C "$root" status --porcelain -- amp-address amp-crypto amp-envelope amp-core amp-client benches 2>/dev/null)" ]; then
    revision="$revision, with changes"
fi
load="$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"

say "writing docs/performance.md"
mkdir -p "$root/docs"
{
    cat <<HEAD
# Performance

Written by \`benches/run.sh\`; not edited by hand.

| | |
|---|---|
| machine | $cpu, $cores cores${features:+, with ${features% }} |
| system | $(uname -sr | sed 's/-.*//') |
| load at the end | $load |
| revision | $revision |
| compiler | $(rustc --version), release profile, default target |
| date | $(date -u +%Y-%m-%d) |

Only ratios within one run carry over to another machine. Times are the thread's own, so that what other programs do in
between counts little; \`least\` is the least reading of each group of messages, averaged over the groups, \`median\` that
of all readings. All implementations take turns on the same 64 distinct messages: a repeated small input trains the branch
predictor and flatters by half. A size is that of the payload as received: many small records of four to six members,
mostly ASCII, of which \`serde_json::Value\` makes $("$target/release/allocations" serde-json-value |
        sed -n 's/^serde-json-value 400k value //p') allocations at 400k. \`serde_json\` runs with \`preserve_order\`, because other crates of
a program switch it on for everybody. Allocations are counted by a program of its own, a buffer's growth as one; times are
taken without the counting.

HEAD
    "$target/release/report" "$work/rows" "$target/criterion" ${instructions[@]+"${instructions[@]}"}
    cat <<SCAN

## Injection scan

Gigabytes a second, by kind and length of text; the peers search the same texts in the same run and find less: a set of the 21
expressions of the deployed client (regex), and a search for some of the rules' phrases (aho-corasick). The targets are 2 GB/s on harmless text,
0.6 on the worst, and 64 KiB in under a millisecond (0.066 GB/s).

\`\`\`text
$(cat "$work/scan")
\`\`\`
SCAN
    cat <<GUARDS

## Guards

A million keys each: bytes of memory a key, and nanoseconds of the thread's own time a decision, first while the keys are
filled in and then once more in another order. That includes the making of the key, and of the address of an agent. "Pairs"
are pairs of agents whose conversation the loop guard follows; a decision about a message reads its text, of six words
here and of ten in the last row, which counts twelve messages for a key in its first time.

\`\`\`text
$(cat "$work/guards")
\`\`\`
GUARDS
    cat <<STORES

## Stores

Each with 100,000 messages of a kilobyte, 100 senders and threads of ten, in $(
        case "$memory" in /dev/shm) echo "a file system in memory" ;; *) echo "the temporary folder" ;; esac
    ); appending is one message with one effect, the searches
ask for at most 100 messages. Wall clock, since other threads take part: these rows vary more than the others. By
themselves: \`stores 100000 <folder>\`.

\`\`\`text
$(cat "$work/stores")
\`\`\`

With 2,000 messages on the disk of the temporary folder, where every append, mark and hand-out waits for its syncs:

\`\`\`text
$(cat "$work/stores-on-disk")
\`\`\`
STORES
    cat <<FILES

## Sealed files

10 GiB sealed and opened again through a pipe in pieces of 64 KiB, by the time that each thread was busy with it; the memory
is the most that the process had. First with the default primitives, then with the feature \`aws-lc\`. By itself: \`file_stream
[gibibytes]\`.

\`\`\`text
$(cat "$work/file_stream")
$(cat "$work/file_stream-aws-lc")
\`\`\`
FILES
    cat <<ROUND_TRIPS

## Round trips

Over the embedded provider in another process: a message is signed, sent, pushed, verified, scanned, stored in memory and
acknowledged, by our client and inbox; beside it, in turns, a plain program of reqwest and tokio-tungstenite signs, sends,
and acknowledges what is pushed without looking at it. The target is a ratio of 1.25. Wall clock; "busy" is the processor time of
the program without the provider. By itself: \`round_trips\`.

\`\`\`text
$(cat "$work/round_trips")
\`\`\`

## Open inboxes

Each with a client, a key, a store in memory and a WebSocket; the provider is another process. By itself: \`round_trips
inboxes\`.

\`\`\`text
$(cat "$work/inboxes")
\`\`\`

## Soak

The example \`soak\`: agents, inboxes and provider in one process, 64 messages being sent at once. "p50" and "p99" are from
the call that sends a message to the moment its recipient has it. By itself: \`round_trips soak\`.

\`\`\`text
$(cat "$work/soak")
\`\`\`
ROUND_TRIPS
} >"$work/page"
# One line at the end, not two.
sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$work/page" >"$root/docs/performance.md"
