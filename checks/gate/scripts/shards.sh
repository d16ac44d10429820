#!/bin/sh
# Runs `cutpoint gate` or `cutpoint check` in parts, as background processes of this shell, puts
# the results together, and exits with the verdict of the whole.
#
#   shards.sh N DIR gate [ARGUMENT...]
#   shards.sh N DIR check SCENARIO [ARGUMENT...]
#
# DIR keeps the state of each part, so that the same command goes on after an interruption, and gets
# the certificate of each part and the whole (merged.json). Parts share nothing but their arguments:
# what runs here as one process each may as well run on as many machines.
#
# CUTPOINT names the program [default: cutpoint, from PATH].
set -u

usage() {
    echo "usage: shards.sh N DIR gate|check [ARGUMENT...]" >&2
    exit 2
}

[ $# -ge 3 ] || usage
parts=$1
directory=$2
command=$3
shift 3
case $parts in
    '' | *[!0-9]* | 0*) usage ;;
esac
case $command in
    gate) result=--certificate ;;
    check) result=--json ;;
    *) usage ;;
esac
program=${CUTPOINT:-cutpoint}
mkdir -p "$directory" || exit 2

# An interrupted script takes its parts with it; they can be gone on with.
processes=
trap 'kill $processes 2>/dev/null; exit 2' INT TERM

part=1
while [ "$part" -le "$parts" ]; do
    rm -f "$directory/$part.json"
    "$program" "$command" "$@" --shard "$part/$parts" --resume "$directory/$part" \
        "$result" "$directory/$part.json" >"$directory/$part.log" 2>&1 &
    processes="$processes $!"
    part=$((part + 1))
done

# What a part found is judged with the others. Only a part without a result ends it here.
for process in $processes; do
    wait "$process"
done
part=1
set --
while [ "$part" -le "$parts" ]; do
    if [ ! -f "$directory/$part.json" ]; then
        echo "part $part/$parts has no result:" >&2
        cat "$directory/$part.log" >&2
        exit 2
    fi
    set -- "$@" "$directory/$part.json"
    part=$((part + 1))
done
exec "$program" merge "$@" --output "$directory/merged.json"
