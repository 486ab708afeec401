#!/bin/bash
# SPDX-License-Identifier: MIT
# ThreadSanitizer over the storms of the driver, and over code that is known to race, or it would prove nothing.
# usage: tests/driver/tsan.sh [SEEDS]      of each storm; 12 when none is given
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib.sh
. tests/lib.sh
bin=${TSAN_BUILD:-build/tsan}
seeds=${1:-12}

if [ -z "${TSAN_BUILD:-}" ]; then
    cmake --preset tsan >/dev/null && cmake --build "$bin" --target race test_driver_storm -- --quiet >&2 || exit 2
fi

for name in race-counter race-two-locks race-list; do
    refuses "$name is reported" 66 "WARNING: ThreadSanitizer: data race" "$bin/race" "$name"
done
for name in clean-counter clean-list clean-interlocked clean-event; do
    check "$name is not" "$bin/race" "$name"
done
check "no race in the storms" env NTSIM_SEEDS="$seeds" "$bin/test_driver_storm"
finish
