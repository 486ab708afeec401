#!/bin/sh
# Runs every fuzz target of build/fuzz for some time, from its seeds in tests/fuzz/corpus and what earlier runs found.
# usage: scripts/fuzz.sh [SECONDS] [TARGET ...]      TARGET: "vhd" or "fuzz_vhd"; all when none is named
# An input that fails is kept in build/fuzz-crashes; put it into tests/fuzz/corpus/TARGET as "crash-..." with the fix.
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
    # shellcheck disable=SC2086
    if "$bin/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$crashes/$name-" "$found/$name" $seeds >"$log" 2>&1; then
        verdict=ok
    else
        verdict=FAILED
        failed=1
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-8s%-24s %10s executions %6s edges %4s inputs\n' "$verdict" "$name" "${executions:-?}" "${coverage:-?}" \
        "$(find "$found/$name" -type f | wc -l)"
    [ "$verdict" = ok ] || { grep -E 'ERROR|SUMMARY|runtime error|Test unit written' "$log" | sed 's/^/    /'; }
done
exit $failed
