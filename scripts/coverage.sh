#!/bin/sh
# SPDX-License-Identifier: MIT
# Lines and branches of driver/ that the tests reach which run it natively, measured with gcov: the driver's suites, the
# unit test of its SDDL compiler, and the replayed seeds of the fuzzers. Fails when it is less than 95 and 85 percent.
# usage: scripts/coverage.sh [BUILD-FOLDER]   (build/coverage; made if it is not there)
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/coverage}
[ -f "$build/build.ninja" ] || cmake --preset coverage -B "$build" >/dev/null
# What tests/suites.txt runs of these: program and, of the fuzzers, the seeds.
runs=$(sed -nE 's,^(driver/|unit/sddl|fuzz/(sddl|driver-))[^ ]* +fast +[0-9]+ +build/asan/((test|fuzz)_[a-z_]+)( [^ ]*)?$,\3\5,p' \
    tests/suites.txt)
targets=$(echo "$runs" | cut -d' ' -f1 | sort -u)
# shellcheck disable=SC2086
cmake --build "$build" --target $targets -- --quiet
find "$build" -name '*.gcda' -delete
echo "$runs" | while read -r program seeds; do
    # shellcheck disable=SC2086
    timeout 600 "$build/$program" $seeds >"$build/$program.log" 2>&1 </dev/null ||
        { echo "coverage: $program fails; see $build/$program.log" >&2; exit 1; }
done
python3 scripts/coverage.py "$build" tests/driver/not-covered.txt 95 85
