#!/bin/sh
# Makes the corpus anew: for every variant the first counterexample with the fewest preemptions, as
# small as it gets. To be run when the core's steps have changed; review what it does to the traces.
#
#   checks/gate/scripts/corpus.sh [VARIANT…]
#
# Exit codes: 0 all are recorded; 1 a variant was missed, and its trace is left as it was.
set -u
cd "$(dirname "$0")/../../.." || exit 1
cargo build --release --quiet || exit 1
cutpoint=${CARGO_TARGET_DIR:-target}/release/cutpoint
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# The manifest's rows, one per line: variant, scenario, preemptions.
rows() {
    awk -F' = ' '
        /^\[variant\./ { variant = substr($0, 10, length($0) - 10) }
        /^\[scenario\./ { variant = "" }
        variant && $1 == "scenario" { scenario = substr($2, 2, length($2) - 2) }
        variant && $1 == "preemptions" { preemptions[variant] = $2 }
        variant { of[variant] = scenario }
        END { for (name in of) print name, of[name], preemptions[name] }
    ' checks/suite/expected.toml | sort
}

wanted() {
    name=$1
    shift
    for other; do [ "$other" = "$name" ] && return 0; done
    return 1
}

missed=0
rows >"$scratch/rows"
while read -r variant scenario preemptions; do
    [ $# -eq 0 ] || wanted "$variant" "$@" || continue
    "$cutpoint" check "$scenario" --variant "$variant" --preemptions "$preemptions" \
        --trace "$scratch/found.json" >"$scratch/said" 2>&1
    if [ $? -eq 1 ] && "$cutpoint" minimise "$scratch/found.json" \
        -o "$scratch/small.json" >"$scratch/said" 2>&1; then
        mv "$scratch/small.json" "traces/corpus/$variant.json"
        echo "$variant"
    else
        echo "$variant: missed" >&2
        cat "$scratch/said" >&2
        missed=1
    fi
done <"$scratch/rows"
exit "$missed"
