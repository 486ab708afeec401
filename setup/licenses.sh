#!/bin/sh
# SPDX-License-Identifier: MIT
# Copies the licences of what is linked into the programs for Windows, and of what the setup itself is made of.
#
#   usage: setup/licenses.sh x86_64|i686 FOLDER
set -eu
cd "$(dirname "$0")/.."
processor=$1 folder=$2
mkdir -p "$folder"
cp LICENSE "$folder/platter.txt"
cp "build/third-party/$processor/licenses/"* "$folder/"
while read -r name package; do
    from=/usr/share/doc/$package/copyright
    [ -s "$from" ] || { echo "licenses: $from is missing; the package $package brings it" >&2; exit 1; }
    cat "$from" >"$folder/$name.txt"
done <<END
zlib libz-mingw-w64-dev
libgcrypt libgcrypt-mingw-w64-dev
libgpg-error libgpg-error-mingw-w64-dev
mingw-w64 mingw-w64-common
nsis nsis-common
END
# Debian's texts name these by their place on a Debian system.
cat /usr/share/common-licenses/LGPL-2.1 >"$folder/LGPL-2.1.txt"
