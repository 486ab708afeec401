#!/bin/sh
# Formats every C file of the tree in place; with --check only says which are not formatted and fails.
set -eu
cd "$(dirname "$0")/.."
mode=-i
[ "${1:-}" = --check ] && mode="--dry-run --Werror"
# shellcheck disable=SC2086
find include driver engine provider cli tests bench -name '*.[ch]' -print0 | xargs -0 -r clang-format $mode --style=file
