#!/bin/sh
# Mutation testing of the core: cargo-mutants says what could be changed in a file, and the quick
# gate is the test. A mutant that the gate passes has survived.
#
#   checks/gate/scripts/mutants.sh [-n SAMPLE] [-o REPORT] FILE…
#   checks/gate/scripts/mutants.sh -n 10 impl/src/journal/commit.rs
#
# Every mutant takes a build and a gate, which is minutes: -n takes so many of a file's mutants,
# spread evenly. Installs cargo-mutants if it is not there. Works on a copy of HEAD, in a worktree of
# its own, so that what is being edited is neither tested nor touched.
#
# The report has a line for each mutant: caught, survived or unbuildable, and what was changed.
# Exit codes: 0 no mutant survived; 1 some did; 2 wrong usage.
set -u
usage() {
    sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

sample=0
report=mutants.txt
while getopts n:o: option; do
    case $option in
        n) sample=$OPTARG ;;
        o) report=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

cd "$(dirname "$0")/../../.." || exit 2
command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants || exit 2
report=$(realpath -m "$report")
scratch=$(mktemp -d) || exit 2
copy=$scratch/copy
git worktree add --quiet --detach "$copy" HEAD || exit 2
trap 'git worktree remove --force "$copy"; rm -rf "$scratch"' EXIT
export CARGO_TARGET_DIR="$scratch/target"

# One patch for each mutant of a file, numbered, in the directory $scratch/patches.
patches() {
    rm -rf "$scratch/patches"
    mkdir "$scratch/patches"
    (cd "$copy" && cargo mutants --list --json --diff --package extfs-std --file "$1") |
        python3 -c '
import json, sys
folder, sample = sys.argv[1], int(sys.argv[2])
mutants = json.load(sys.stdin)
step = max(1, len(mutants) // sample) if sample else 1
for number, mutant in enumerate(mutants[::step][: sample or None]):
    with open(f"{folder}/{number:04}", "w") as patch:
        patch.write(mutant["diff"])
' "$scratch/patches" "$sample"
}

# What becomes of the mutant that is applied.
fate() {
    (cd "$copy" && cargo build --release --quiet --package cutpoint-gate) 2>/dev/null || {
        echo unbuildable
        return
    }
    if (cd "$copy" && CI=1 "$CARGO_TARGET_DIR/release/cutpoint" gate >/dev/null 2>&1); then
        echo survived
    else
        echo caught
    fi
}

: >"$report"
for file; do
    patches "$file"
    for patch in "$scratch"/patches/*; do
        [ -e "$patch" ] || continue
        (cd "$copy" && git apply "$patch") || continue
        what=$(sed -n '/^[-+][^-+]/p' "$patch" | tr -s ' ' | tr '\n' ' ' | cut -c 1-160)
        echo "$(fate) $file: $what" | tee -a "$report"
        (cd "$copy" && git checkout --quiet .)
    done
done
! grep -q '^survived' "$report"
