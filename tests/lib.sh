# SPDX-License-Identifier: MIT
# For shell suites: `. tests/lib.sh`, then `check NAME COMMAND...`, `skip NAME WHY`, and `finish` at the end.
# Prints TAP. $work is a scratch folder that goes away; $root is the project.
root=${PLATTER_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d "${TMPDIR:-/tmp}/platter-test.XXXXXX")
tap_count=0
tap_failed=0
tap_cleanup=:

# at_exit COMMAND: run when the suite ends for whatever reason, last given first.
at_exit() { tap_cleanup="$1; $tap_cleanup"; }
trap 'eval "$tap_cleanup"; rm -rf "$work"' EXIT

ok() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1"; }
not_ok() { tap_count=$((tap_count + 1)); tap_failed=$((tap_failed + 1)); echo "not ok $tap_count - $1"; }
skip() { tap_count=$((tap_count + 1)); echo "ok $tap_count - $1 # SKIP $2"; }
# check NAME COMMAND...: passes when the command succeeds; its output is shown as comments when it does not.
check() {
    check_name=$1
    shift
    if "$@" >"$work/.check" 2>&1; then ok "$check_name"; else
        echo "# command: $*"
        sed 's/^/# /' "$work/.check"
        not_ok "$check_name"
    fi
}
# refuses NAME STATUS PATTERN COMMAND...: passes when the command exits with STATUS and its output matches PATTERN.
refuses() {
    refuses_name=$1 refuses_status=$2 refuses_pattern=$3
    shift 3
    "$@" >"$work/.check" 2>&1
    refuses_got=$?
    if [ "$refuses_got" = "$refuses_status" ] && grep -Eq -- "$refuses_pattern" "$work/.check"; then ok "$refuses_name"; else
        echo "# command: $* (exit $refuses_got, want $refuses_status; want output matching: $refuses_pattern)"
        sed 's/^/# /' "$work/.check"
        not_ok "$refuses_name"
    fi
}
# need TOOL...: skips the whole suite aloud when a tool is missing.
need() {
    for need_tool in "$@"; do
        command -v "$need_tool" >/dev/null 2>&1 || { echo "1..0 # skip $need_tool is not installed"; exit 0; }
    done
}
finish() { echo "1..$tap_count"; [ "$tap_failed" = 0 ]; exit; }
