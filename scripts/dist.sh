#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs what `make` built for Windows into out/platter-<version>-win64.zip and -win32.zip, with their sums. The same tree
# gives the same bytes: names in order, the commit's time on every file, no owners, no extra fields.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
[ -n "$version" ] || { echo "dist: CMakeLists.txt names no version" >&2; exit 1; }
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
export TZ=UTC LC_ALL=C
rm -rf out
mkdir -p out

for arch in win64:x86_64 win32:i686; do
    name=platter-$version-${arch%:*}
    from=build/${arch%:*}
    licenses=build/third-party/${arch#*:}/licenses
    mkdir -p "out/$name/docs"
    cp "$from/platter.sys" "$from/platter.inf" "$from/platter.exe" README.md LICENSE CHANGELOG.md "out/$name/"
    for library in "$from"/*.dll; do
        [ ! -e "$library" ] || cp "$library" "out/$name/"
    done
    cp docs/*.md "out/$name/docs/"
    if [ -d "$licenses" ]; then cp -r "$licenses" "out/$name/licenses"; fi
    find "out/$name" -exec touch -h -d "@$epoch" {} +
    find "out/$name" -exec chmod u=rwX,go=rX {} +
    (cd out && find "$name" -type f | sort | zip -q -X -9 "$name.zip" -@)
    rm -rf "out/$name"
done
(cd out && sha256sum ./*.zip >SHA256SUMS)
cat out/SHA256SUMS
