#!/usr/bin/env bash
# What following executions in a model costs: the processor's time of a check with conformance,
# divided by that of the same check without it, for each of the three races that have a model.
#
#     checks/gate/scripts/conformance_cost.sh [ROUNDS]
#
# The two checks are run in turn, ROUNDS times each (3 if it is not said), so that what else the
# machine does falls on both. Each run is printed, and the ratio of the two sums. The order within
# a pair alternates. The last line of a scenario says whether the ratio is at most 2, and the exit
# status is 1 if one is not.
set -eu
cd "$(dirname "$0")/../../.."
rounds=${1:-3}
cargo build --quiet --release --package cutpoint-gate
binary=${CARGO_TARGET_DIR:-target}/release/cutpoint
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

# user_time SCENARIO off|on: seconds of the processor in user mode; the check must be exhausted.
user_time() {
    local TIMEFORMAT=%U
    { time "$binary" check "$1" --conformance "$2" >"$scratch/out" 2>"$scratch/err"; } \
        2>"$scratch/time"
    grep -q '^Exhausted' "$scratch/out" || { cat "$scratch/out" "$scratch/err" >&2; exit 2; }
    cat "$scratch/time"
}

status=0
for scenario in writeback_vs_truncate dio_extend_vs_delalloc_writeback \
    short_write_punch_vs_mmap_fault; do
    : >"$scratch/off"
    : >"$scratch/on"
    for round in $(seq "$rounds"); do
        order="off on"
        [ $((round % 2)) -eq 1 ] || order="on off"
        for mode in $order; do
            user_time "$scenario" "$mode" >>"$scratch/$mode"
        done
    done
    echo "$scenario"
    echo "  without: $(paste -sd' ' "$scratch/off") s"
    echo "  with:    $(paste -sd' ' "$scratch/on") s"
    awk 'FNR == NR { off += $1; next } { on += $1 }
         END { printf "  ratio:   %.2f, %s\n", on / off, on <= 2 * off ? "at most 2" : "TOO MUCH"
               exit on > 2 * off }' "$scratch/off" "$scratch/on" || status=1
done
exit $status
