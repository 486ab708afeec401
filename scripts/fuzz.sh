#!/bin/sh
# Runs every fuzz target of build/fuzz for some time, from its seeds in tests/fuzz/corpus and what earlier runs found.
# usage: scripts/fuzz.sh [SECONDS] [TARGET ...]      TARGET: "vhd" or "fuzz_vhd"; all when none is named
# An input that fails is kept in build/fuzz-crashes; put it into tests/fuzz/corpus/TARGET as "crash-..." with the fix.
# Executions of all runs so far are added up in build/fuzz-found/TARGET.total. NTSIM_VERBOSE=1 build/fuzz/fuzz_TARGET FILE
# tells what the driver did.
set -u
cd "$(dirname "$0")/.." || exit 2
seconds=${1:-60}
[ $# -gt 0 ] && shift
bin=${FUZZ_BUILD:-build/fuzz}
found=${FUZZ_FOUND:-build/fuzz-found}
crashes=${FUZZ_CRASHES:-build/fuzz-crashes}

targets=
for program in "$bin"/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    if [ $# -gt 0 ]; then
        case " $* " in *" $name "* | *" fuzz_$name "*) ;; *) continue ;; esac
    fi
    targets="$targets $name"
done
[ -n "$targets" ] || { echo "fuzz: no target in $bin" >&2; exit 2; }

failed=0
for name in $targets; do
    mkdir -p "$found/$name" "$crashes"
    seeds=
    [ -d "tests/fuzz/corpus/$name" ] && seeds=tests/fuzz/corpus/$name
    log=$found/$name.log
    # A step of these takes a few bytes, and longer than most whole inputs of the others. Their machine keeps memory from
    # one input to the next, for which libFuzzer would run each of the first thousand again, and find nothing.
    limits=-max_len=4096
    case $name in driver_*) limits="-max_len=160 -detect_leaks=0" ;; esac
    # Its threads hand each other the work: on one processor they do that four times as fast.
    processor=
    if [ "$name" = loopback ] && taskset -c 0 true 2>/dev/null; then processor="taskset -c 0"; fi
    # shellcheck disable=SC2086
    if $processor "$bin/fuzz_$name" $limits -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$crashes/$name-" "$found/$name" $seeds >"$log" 2>&1; then
        verdict=ok
    else
        verdict=FAILED
        failed=1
    fi
    # A run that ended early has no statistics, but has told how far it came.
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p; s/^#\([0-9]*\).*/\1/p' "$log" | tail -n 1)
    rate=$(sed -n 's/.* exec\/s: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    total=$((${executions:-0} + $(cat "$found/$name.total" 2>/dev/null || echo 0)))
    echo "$total" >"$found/$name.total"
    printf '%-8s%-22s %10s executions %6s a second %6s edges %5s inputs %12s executions in all\n' "$verdict" "$name" \
        "${executions:-0}" "${rate:-0}" "${coverage:-0}" "$(find "$found/$name" -type f | wc -l)" "$total"
    [ "$verdict" = ok ] || { grep -E 'ERROR|SUMMARY|runtime error|Test unit written' "$log" | sed 's/^/    /'; }
done
exit $failed
