#!/bin/bash
# SPDX-License-Identifier: MIT
# ThreadSanitizer over the tests of engine, provider and NBD server that have threads, and over both ends of a connection. Races are what counts here: some of
# these tests hold time limits that a program slowed down so much may miss; that they pass is shown by the asan build.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib.sh
. tests/lib.sh
bin=${TSAN_BUILD:-build/tsan}
tests="engine_block engine_image provider_data provider_errors provider_protocol provider_storm provider_transact nbd nbd_server nbd_write engine_ahead"

if [ -z "${TSAN_BUILD:-}" ]; then
    # shellcheck disable=SC2046,SC2086
    cmake --preset tsan >/dev/null && cmake --build "$bin" --target platter fuzz_nbd_client $(printf 'test_%s ' $tests) -- --quiet >&2 || exit 2
fi

# shellcheck disable=SC2317 # check calls it
no_race() { # PROGRAM: it comes to its end, and nothing is reported
    CMOCKA_MESSAGE_OUTPUT=stdout "$1" >"$work/said" 2>&1
    grep -A60 'ThreadSanitizer' "$work/said" && return 1
    grep -q 'PASSED' "$work/said"
}

export TSAN_OPTIONS="report_thread_leaks=0 ${TSAN_OPTIONS:-}"
for test in $tests; do
    check "no race in test_$test" no_race "$bin/test_$test"
done

# shellcheck disable=SC2317 # check calls it
silent() { # FILE: nothing is reported in it
    ! grep -A60 'ThreadSanitizer' "$1"
}

# shellcheck disable=SC2317 # check calls it
quiet() { # COMMAND...: succeeds, and nothing is reported
    "$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
    silent "$work/said"
}

check "no race in fuzz_nbd_client" quiet "$bin/fuzz_nbd_client" tests/fuzz/corpus/nbd_client
if command -v qemu-img >"$work/said" 2>&1; then
    # A server that decodes ahead, and a client that reads ahead over several connections, with more threads than cores.
    python3 -c 'import random, sys
random.seed(3)
with open(sys.argv[1], "wb") as disk:
    for _ in range(24):
        disk.write(random.randbytes(64 << 10) * 16)' "$work/disk.raw"
    for kind in "qcow2 -c" "qcow2 -c -o compression_type=zstd" "vmdk -o subformat=streamOptimized"; do
        # shellcheck disable=SC2086
        qemu-img convert -O $kind "$work/disk.raw" "$work/image"
        "$bin/platter" serve --read-only "$work/image" --socket "$work/socket" >"$work/uri" 2>"$work/served" &
        server=$!
        until [ -s "$work/uri" ] || ! kill -0 $server 2>"$work/said"; do sleep 0.05; done
        check "no race in the client of a server of $kind" quiet "$bin/platter" convert --threads 6 --format raw \
            "nbd+unix:///?socket=$work/socket" "$work/copy.raw"
        check "the bytes that the server of $kind has" cmp "$work/disk.raw" "$work/copy.raw"
        kill $server
        wait $server
        check "no race in the server of $kind" silent "$work/served"
        rm -f "$work/copy.raw" "$work/image" "$work/uri" "$work/socket"
    done
else
    skip "no race between client and server" "qemu-img is not there"
fi
finish
