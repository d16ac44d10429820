#!/bin/sh
# Real threads on a real image, for a minute: once to the end, and once killed in the middle.
#
#   impl/on-std/stress.sh [SECONDS [SEED]]
#
# Each in both designs.
#
# Exit codes: 0 all of it holds; 1 something does not; 3 it holds as far as it could be measured,
# which without root, loop devices or e2fsprogs is not all; the last lines say what is missing.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-60}
seed=${2:-1}
cargo build --release -p extfs-std --example stress || exit 1
missing=0
for mode in "--design im" "--design im --kill" "--design bh" "--design bh --kill"; do
    echo "stress --seconds $seconds --seed $seed $mode"
    # Unquoted: a mode is several arguments.
    # shellcheck disable=SC2086
    cargo run --quiet --release -p extfs-std --example stress -- \
        --seconds "$seconds" --seed "$seed" $mode
    code=$?
    case $code in
    0) ;;
    3) missing=3 ;;
    *) exit "$code" ;;
    esac
done
exit "$missing"
