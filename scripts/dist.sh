#!/bin/bash
# SPDX-License-Identifier: MIT
# Packs what `make` has built for Windows, signed, into out/: installers, zips to be used without installing, winget
# manifests, and the sums of all. The same tree and the same key give the same bytes (docs/signing.md).
#
#   make dist                                      signed with a test certificate, made once in build/signing
#   make dist SIGN_KEY=FILE SIGN_CERT=FILE         with yours; setup/sign.sh has the other ways, and SIGN_TIMESTAMP=URL
#   make dist SIGNED_DRIVER=FOLDER                 with the driver packages that Microsoft has signed: FOLDER/win64, FOLDER/win32
#   make dist CATALOG_VERSION=1                    a catalogue for Windows 7
#   make dist DIST_URL=https://HOST/PATH           where the installers will be, for the winget manifest
#   make dist OUT=FOLDER                           elsewhere
#   make dist PARTS=zips                           no installers, and no manifests that would name them
#
# With a key of yours, out/submission has the cabinets that Microsoft signs drivers from.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
[ -n "$version" ] || { echo "dist: CMakeLists.txt names no version" >&2; exit 1; }
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
out=${OUT:-out}

# ---- What signs -------------------------------------------------------------------------------------------------------

certificate='' signature=test
if [ -z "${SIGN_KEY:-}${SIGN_PKCS12:-}${SIGN_PKCS11_MODULE:-}" ]; then
    setup/test-certificate.sh build/signing
    export SIGN_KEY=build/signing/test.key SIGN_CERT=build/signing/test.pem
    certificate=build/signing/test.cer
    echo "dist: no key was given; signed with the test certificate of build/signing, which Windows trusts nowhere by itself"
fi
# Only Microsoft's signature on the driver counts where Secure Boot is on, whatever the programs carry.
[ -z "${SIGNED_DRIVER:-}" ] || signature=release

rm -rf "$out" build/dist
mkdir -p "$out" build/dist

# ---- The packages -----------------------------------------------------------------------------------------------------

# package ARCH PROCESSOR: build/dist/ARCH gets everything that was built for it, signed; its sums before that go to unsigned.txt.
package() {
    arch=$1 to=build/dist/$1
    mkdir -p "$to"
    for file in platter.sys platter.inf platter.exe; do
        [ -s "build/$arch/$file" ] || { echo "dist: build/$arch/$file has not been built; 'make' does" >&2; exit 1; }
    done
    cp "build/$arch/platter.inf" "build/$arch"/platter*.exe "build/$arch/platter.sys" "$to/"
    for file in "build/$arch"/*.dll; do [ ! -e "$file" ] || cp "$file" "$to/"; done
    chmod u=rw,go=r "$to"/*
    (cd build/dist && sha256sum "$arch"/*) >>build/dist/unsigned.txt
    if [ -n "${SIGNED_DRIVER:-}" ]; then
        # A signature is not part of what it signs.
        if [ "$(python3 scripts/pe.py "$SIGNED_DRIVER/$arch/platter.sys")" != "$(python3 scripts/pe.py "$to/platter.sys")" ] ||
            ! cmp -s "$SIGNED_DRIVER/$arch/platter.inf" "$to/platter.inf"; then
            echo "dist: the package in $SIGNED_DRIVER/$arch is not that of build/$arch" >&2
            exit 1
        fi
        for file in platter.sys platter.inf platter.cat; do cp "$SIGNED_DRIVER/$arch/$file" "$to/"; done
    else
        setup/sign.sh "$to/platter.sys"
        setup/catalog.py --version "${CATALOG_VERSION:-2}" --out "$to/platter.cat" "$to/platter.inf"
        (cd build/dist && sha256sum "$arch/platter.cat") >>build/dist/unsigned.txt
        setup/sign.sh "$to/platter.cat"
        [ -n "$certificate" ] || setup/cabinet.sh "$to" "$out/submission/platter-$version-$2.cab"
    fi
    for file in "$to"/*.exe "$to"/*.dll; do [ ! -e "$file" ] || setup/sign.sh "$file"; done
    [ -z "$certificate" ] || cp "$certificate" "$to/platter-test.cer"
}

# ---- Zips, to be used where they lie ----------------------------------------------------------------------------------

# portable ARCH PROCESSOR
portable() {
    from=build/dist/$1 name=platter-$version-$2
    folder=build/dist/$name
    mkdir -p "$folder/driver" "$folder/docs" "$folder/licenses" "$folder/policy/en-US"
    cp "$from"/platter.{sys,inf,cat} "$folder/driver/"
    [ ! -e "$from/platter-test.cer" ] || cp "$from/platter-test.cer" "$folder/driver/"
    for file in "$from"/*.exe "$from"/*.dll; do
        # What only an installation has a use for.
        case $file in */platter-steps.exe) continue ;; esac
        [ ! -e "$file" ] || cp "$file" "$folder/"
    done
    cp README.md LICENSE CHANGELOG.md "$folder/"
    cp docs/*.md "$folder/docs/"
    setup/licenses.sh "$2" "$folder/licenses"
    cp setup/policy/Platter.admx "$folder/policy/"
    cp setup/policy/en-US/Platter.adml "$folder/policy/en-US/"
    if [ -d setup/powershell/Platter ]; then
        mkdir -p "$folder/powershell"
        cp -r setup/powershell/Platter "$folder/powershell/"
    fi
    # The commit's time on every file, names in order, no owners and no extra fields.
    find "$folder" -exec chmod u=rwX,go=rX {} +
    find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    (cd build/dist && find "$name" -type f | sort | zip -q -X -9 "$name.zip" -@)
    mv "build/dist/$name.zip" "$out/"
}

for each in win64:x86_64 win32:i686; do
    package "${each%:*}" "${each#*:}"
    portable "${each%:*}" "${each#*:}"
done

# ---- Installers and what names them -----------------------------------------------------------------------------------

if [ "${PARTS:-all}" != zips ]; then
    for arch in win64 win32; do
        PLATTER_PACKAGE=build/dist/$arch PLATTER_SIGNATURE=$signature PLATTER_SIGN=setup/sign.sh \
            setup/build.sh "$arch" build/dist/setup
    done
    mv build/dist/setup/platter-setup-*.exe "$out/"
    setup/winget.py --version "$version" --url "${DIST_URL:-}" --out "$out/winget" \
        "$out/platter-setup-$version.exe" "$out/platter-setup-$version-x86.exe"
fi
sort -k 2 build/dist/unsigned.txt >"$out/UNSIGNED-SHA256SUMS"
(cd "$out" && find . -type f ! -name '*SHA256SUMS' | sort | sed 's,^\./,,' | xargs -d '\n' sha256sum >SHA256SUMS)
cat "$out/SHA256SUMS"
