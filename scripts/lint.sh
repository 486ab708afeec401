#!/bin/bash
# SPDX-License-Identifier: MIT
# What a reviewer should not have to say: layout, house rules, clang-tidy, cppcheck, shellcheck. Everything is run, then
# the exit status tells whether anything was found.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0
# lint NAME COMMAND...: quiet when all is well.
lint() {
    name=$1
    shift
    start=$(date +%s)
    if output=$("$@" 2>&1); then
        printf 'ok      %-44s %3d s\n' "$name" $(($(date +%s) - start))
    else
        printf 'FAILED  %s\n' "$name"
        printf '%s\n' "$output" | sed 's/^/    /' | head -n 60
        failed=1
    fi
}
sources() { git ls-files -co --exclude-standard -- "$@"; }
# none COMMAND...: succeeds when the command (a search) prints nothing.
none() {
    found=$("$@")
    [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

# `long` and UL have 32 bits on Windows and 64 here: the driver's sources are compiled for both.
plain_long() { sources 'driver/*.[ch]' | xargs -r grep -nE '\b(unsigned |signed )?long\b|\b[0-9][0-9a-fA-Fx]*[uU]?[lL]\b' | grep -vE '^[^:]*:[0-9]+:\s*(/?\*|//)|/\*.*\blong\b.*\*/'; }
too_long() { sources '*.c' '*.h' '*.py' '*.sh' | xargs -r wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines, at most 600" }'; }
trailing_space() { sources '*.[ch]' '*.sh' '*.py' '*CMakeLists.txt' tests/suites.txt '*.cmake' '*.inf' '*.rc' Makefile | xargs -r grep -nE '[[:space:]]+$' | grep -v $'\r$'; }
no_license() { sources '*.[chS]' | xargs -r awk 'FNR == 1 && !/SPDX-License-Identifier/ { print FILENAME ": the first line names no licence" }'; }
# Arrows between the folders run one way (docs/architecture.md).
wrong_way() {
    grep -rnE '#include +[<"](\.\./)*(driver|provider|mount|cli|service)/' engine
    grep -rnE '#include +[<"](\.\./)*(driver|mount|cli|service)/' provider
    grep -rnE '#include +[<"](\.\./)*(driver|cli|service)/' mount
    grep -rnE '#include +[<"](\.\./)*(driver|cli)/' service
    grep -rnE '#include +[<"].*(engine|provider)(\.h|/)' driver
}
win32_elsewhere() { grep -rnE '#ifn?def _WIN32|defined\(_WIN32\)' engine | grep -v '^engine/os/'; }
for rule in plain_long too_long trailing_space no_license wrong_way win32_elsewhere; do
    lint "house rule: ${rule//_/ }" none "$rule"
done

# Names each file once.
layout() {
    scripts/format.sh --check 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:.*/\1: make format would change it/p' | sort -u
}
lint "clang-format" none layout

tidy() {
    sources 'engine/*.c' 'provider/*.c' 'mount/*.c' 'cli/*.c' 'driver/*.c' | grep -vE '_win32\.c$' |
        xargs -r -n 4 -P "$(nproc)" clang-tidy -p "${PLATTER_LINT_BUILD:-build/host}" --quiet --warnings-as-errors='*' \
            --extra-arg=-Wno-unknown-warning-option 2>/dev/null
}
lint "clang-tidy" tidy
lint "cppcheck" cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 \
    --suppress=missingIncludeSystem -j "$(nproc)" -I include -I . -D__GNUC__ engine provider mount cli
# Its library for Windows takes IoCallDriver for a free; bus.c's completion routine keeps the IRP.
lint "cppcheck of the driver" cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
    --std=c11 --platform=win64 --library=windows --suppress=missingIncludeSystem --suppress=deallocuse:driver/bus.c \
    '-D_Out_writes_(n)=' -j "$(nproc)" -I include driver
if command -v shellcheck >/dev/null; then
    scripts() { sources '*.sh' .ci/run | xargs -r shellcheck -x --severity=warning --exclude=SC2034,SC2148,SC2154; }
    lint "shellcheck" scripts
else
    echo "skipped shellcheck: not installed"
fi
exit $failed
