#!/bin/bash
# SPDX-License-Identifier: MIT
# The whole native tree compiles and links with clang, under the same warnings, all of them errors.
set -u
. tests/lib.sh
need clang cmake ninja
check "cmake --preset clang" cmake --preset clang
check "every target compiles with clang" nice cmake --build --preset clang
check "the result runs" build/clang/platter --version
finish
