#!/bin/bash
# SPDX-License-Identifier: MIT
# ThreadSanitizer over the tests of engine, provider and NBD server that have threads. Races are what counts here: some of
# these tests hold time limits that a program slowed down so much may miss; that they pass is shown by the asan build.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib.sh
. tests/lib.sh
bin=${TSAN_BUILD:-build/tsan}
tests="engine_block engine_image provider_data provider_errors provider_protocol provider_transact nbd_server"

if [ -z "${TSAN_BUILD:-}" ]; then
    # shellcheck disable=SC2046,SC2086
    cmake --preset tsan >/dev/null && cmake --build "$bin" --target $(printf 'test_%s ' $tests) -- --quiet >&2 || exit 2
fi

# shellcheck disable=SC2317 # check calls it
no_race() { # PROGRAM: it comes to its end, and nothing is reported
    "$1" >"$work/said" 2>&1
    grep -A60 'ThreadSanitizer' "$work/said" && return 1
    grep -q 'PASSED' "$work/said"
}

export TSAN_OPTIONS="report_thread_leaks=0 ${TSAN_OPTIONS:-}"
for test in $tests; do
    check "no race in test_$test" no_race "$bin/test_$test"
done
finish
