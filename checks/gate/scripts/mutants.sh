#!/bin/sh
# Mutation testing of the core: cargo-mutants says what could be changed in a file, and the quick
# gate is the test. A mutant that the gate passes has survived.
#
#   checks/gate/scripts/mutants.sh [-n SAMPLE] [-s I/N] [-o REPORT] FILE…
#   checks/gate/scripts/mutants.sh -n 10 impl/src/journal/commit.rs
#
# Every mutant takes a build and a gate, which is minutes: -n takes so many of a file's mutants,
# spread evenly, and -s every Nth of them, beginning with the Ith, so that N machines or nights share
# the work. Where one of the correct protocols that the gate takes seconds for is violated already,
# the gate would say so too, and is not asked. Installs cargo-mutants if it is not there. Works on a
# copy of HEAD, in a worktree of its own, so that what is being edited is neither tested nor touched.
#
# The report has a line for each mutant: caught, survived or unbuildable, and what was changed. What
# has a line already is not tried again, so a run that was killed goes on where it was: give it the
# same report, and a new one when the core or the suite has changed.
# Exit codes: 0 no mutant survived; 1 some did; 2 wrong usage, or a file without mutants.
set -u
usage() {
    sed -n '2,21s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

sample=0
shard=1/1
report=mutants.txt
while getopts n:s:o: option; do
    case $option in
        n) sample=$OPTARG ;;
        s) shard=$OPTARG ;;
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
# A mutant changes one function, so builds are incremental. A directory that is kept, in
# MUTANTS_TARGET_DIR, saves the next run its first build.
export CARGO_TARGET_DIR="${MUTANTS_TARGET_DIR:-$scratch/target}" CARGO_INCREMENTAL=1
cutpoint=$CARGO_TARGET_DIR/release/cutpoint

# One patch for each mutant of a file, in the directory $scratch/patches, with a line beside it that
# says what it is.
patches() {
    rm -rf "$scratch/patches"
    mkdir "$scratch/patches"
    # The sources are those of three packages and in none of their directories, so that paths have
    # a ".." in them, with which --file finds nothing, and which git does not apply.
    (cd "$copy" && cargo mutants --list --json --diff --package extfs-std) |
        python3 -c '
import json, sys
text = sys.stdin.read().replace("impl/on-std/../src/", "impl/src/")
folder, sample, shard, file = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
part, parts = map(int, shard.split("/"))
mutants = [mutant for mutant in json.loads(text) if mutant["file"] == file]
if not mutants:
    sys.exit(f"{file} has no mutants: is it a file of the core?")
step = max(1, len(mutants) // sample) if sample else 1
chosen = mutants[::step][: sample or None]
for number, mutant in enumerate(chosen[part - 1 :: parts]):
    with open(f"{folder}/{number:04}.patch", "w") as patch:
        old, new, *changes = mutant["diff"].splitlines(keepends=True)
        patch.writelines([old, old.replace("---", "+++"), *changes])
    with open(f"{folder}/{number:04}.name", "w") as name:
        name.write(mutant["name"])
' "$scratch/patches" "$sample" "$shard" "$1"
}

# Scenarios whose correct protocols are checked in seconds.
small=$(sed -n '/^\[scenario\.[a-z_]*\]$/s/.*\.\(.*\)]/\1/p' checks/suite/expected.toml |
    grep -v -e short_write_punch_vs_mmap_fault -e writeback_vs_truncate)

# What becomes of the mutant that is applied.
fate() {
    (cd "$copy" && cargo build --release --quiet --package cutpoint-gate) 2>/dev/null || {
        echo unbuildable
        return
    }
    for scenario in $small; do
        timeout 300 "$cutpoint" check "$scenario" >/dev/null 2>&1
        [ $? -ne 1 ] || {
            echo caught
            return
        }
    done
    if (cd "$copy" && CI=1 "$cutpoint" gate >/dev/null 2>&1); then
        echo survived
    else
        echo caught
    fi
}

touch "$report"
for file; do
    patches "$file" || exit 2
    for patch in "$scratch"/patches/*.patch; do
        [ -e "$patch" ] || continue
        what=$(cat "${patch%.patch}.name")
        ! grep -qF " $what" "$report" || continue
        (cd "$copy" && git apply -p0 "$patch") || exit 2
        echo "$(fate) $what" | tee -a "$report"
        (cd "$copy" && git checkout --quiet .)
    done
done
! grep -q '^survived' "$report"
