#!/bin/sh
# Lines and branches of driver/ that the driver's tests reach, measured with gcov, and the lines they do not.
# usage: scripts/coverage.sh [BUILD-FOLDER]   (build/coverage; made if it is not there)
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/coverage}
[ -f "$build/build.ninja" ] || cmake --preset coverage -B "$build" >/dev/null
tests=$(sed -n 's/^set(DRIVER_TESTS \(.*\))$/\1/p' tests/driver/CMakeLists.txt)
targets=
for t in $tests; do targets="$targets test_driver_$t"; done
# shellcheck disable=SC2086
cmake --build "$build" --target $targets -- --quiet
find "$build" -name '*.gcda' -delete
for t in $targets; do
    timeout 600 "$build/$t" >"$build/$t.log" 2>&1 || { echo "coverage: $t fails; see $build/$t.log" >&2; exit 1; }
done
python3 scripts/coverage.py "$build"
