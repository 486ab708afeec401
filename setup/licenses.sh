#!/bin/sh
# SPDX-License-Identifier: MIT
# Copies the licences of what is linked into the programs for Windows, and of what the setup itself is made of, and writes
# SOURCES.txt: which version each is and where its source lies (docs/third-party.md).
#
#   usage: setup/licenses.sh x86_64|i686 FOLDER
set -eu
cd "$(dirname "$0")/.."
processor=$1 folder=$2
mkdir -p "$folder"
cp LICENSE "$folder/platter.txt"
cp "build/third-party/$processor/licenses/"* "$folder/"

# source_line NAME PACKAGE VERSION: a line for a Debian source package; a plus sign in an address is written %2B.
source_line() { printf '%-14s %-14s %-26s https://snapshot.debian.org/package/%s/%s/\n' "$1" "$2" "$3" "$2" "$(echo "$3" | sed 's/+/%2B/g')"; }

{
    cat <<'END'
The programs hold these libraries, linked statically, as Debian 12 has them. libgcrypt and libgpg-error are under the GNU
Lesser General Public License (LGPL-2.1.txt): whoever wants to change them gets Debian's source package, replaces
the library and builds Platter again, whose own source and build scripts are under the MIT licence (platter.txt).

library        source package version                    where it lies
END
    # As scripts/third-party.sh builds them.
    sed -n 's/^\([a-z]*\) *\([^ ]*\) *\([^_ ]*\)_[^ ]*\.dsc .*/\1 \3 \2/p' scripts/third-party.sh | while read -r name package version; do
        source_line "$name" "$package" "$version"
    done
    while read -r name package; do
        from=/usr/share/doc/$package/copyright
        [ -s "$from" ] || { echo "licenses: $from is missing; the package $package brings it" >&2; exit 1; }
        cat "$from" >"$folder/$name.txt"
        # shellcheck disable=SC2046
        source_line "$name" $(dpkg-query -W -f='${source:Package} ${source:Version}' "$package")
    done <<END
zlib libz-mingw-w64-dev
libgcrypt libgcrypt-mingw-w64-dev
libgpg-error libgpg-error-mingw-w64-dev
mingw-w64 mingw-w64-common
gcc gcc-mingw-w64-base
nsis nsis-common
END
} >"$folder/SOURCES.txt"
# Debian's texts name these by their place on a Debian system. GCC's runtime is under the latter, with its exception.
cat /usr/share/common-licenses/LGPL-2.1 >"$folder/LGPL-2.1.txt"
cat /usr/share/common-licenses/GPL-3 >"$folder/GPL-3.txt"
