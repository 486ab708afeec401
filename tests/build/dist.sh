#!/bin/bash
# SPDX-License-Identifier: MIT
# `make dist`: what it packs is complete, signed and the same each time; what Microsoft would sign is what is shipped.
set -u
. tests/lib.sh
need osslsigncode openssl zip unzip gcab cabextract makensis mandoc
export SOURCE_DATE_EPOCH=1700000000
version=$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
unset SIGN_KEY SIGN_CERT SIGN_PKCS12 SIGN_PKCS11_MODULE SIGN_TIMESTAMP SIGNED_DRIVER DIST_URL CATALOG_VERSION PARTS

# dist FOLDER VARIABLE=VALUE...
dist() {
    dist_out=$1
    shift
    env OUT="$work/$dist_out" "$@" scripts/dist.sh
}
check "a key and a certificate" setup/test-certificate.sh "$work/key"
key="SIGN_KEY=$work/key/test.key SIGN_CERT=$work/key/test.pem"

# shellcheck disable=SC2086
check "make dist with a key" dist first $key DIST_URL=https://example.org/platter
cp -r build/dist "$work/packages"
sleep 1
# shellcheck disable=SC2086
check "and again" dist second $key DIST_URL=https://example.org/platter
check "gives the same bytes, signatures included" diff -r "$work/first" "$work/second"
check "make dist without a key" dist test
cp "$work/.check" "$work/said"
check "says that it has used a test certificate" grep -q "test certificate of build/signing" "$work/said"
check "what it signs is the same" cmp "$work/first/UNSIGNED-SHA256SUMS" "$work/test/UNSIGNED-SHA256SUMS"
check "what it makes is not" sh -c '! cmp -s "$1/first/SHA256SUMS" "$1/test/SHA256SUMS"' - "$work"
check "the sums are right" sh -c 'cd "$1/first" && sha256sum -c --strict SHA256SUMS' - "$work"
check "there is a sum for each file" [ "$(find "$work/first" -type f ! -name '*SHA256SUMS' | wc -l)" = "$(wc -l <"$work/first/SHA256SUMS")" ]

verify() { osslsigncode verify -CAfile "$work/key/test.pem" "$@" | grep -q "Signature verification: ok"; }
for file in "platter-setup-$version.exe" "platter-setup-$version-x86.exe"; do
    check "$file is signed" verify -in "$work/first/$file"
    check "$file has version, icon and manifest" tests/build/resources.py --setup "$work/first/$file"
    check "$file is what the winget manifest names" \
        grep -q "$(sha256sum "$work/first/$file" | cut -c 1-64 | tr a-f A-F)" "$work/first/winget/PlatterProject.Platter.installer.yaml"
done
for processor in x86_64 i686; do
    name=platter-$version-$processor
    check "$name.zip unpacks" unzip -q "$work/first/$name.zip" -d "$work/unpacked"
    folder=$work/unpacked/$name
    for file in platter.exe platterw.exe driver/platter.sys driver/platter.inf driver/platter.cat README.md LICENSE \
        docs/signing.md docs/third-party.md policy/Platter.admx policy/en-US/Platter.adml licenses/SOURCES.txt \
        licenses/LGPL-2.1.txt licenses/libgcrypt.txt licenses/zlib.txt licenses/zstd.txt licenses/jansson.txt; do
        check "$name has $file" [ -s "$folder/$file" ]
    done
    check "$name has no test certificate, having a key of yours" [ ! -e "$folder/driver/platter-test.cer" ]
    for file in "$folder"/*.exe "$folder"/*.dll "$folder/driver/platter.sys"; do
        check "$name: $(basename "$file") is signed" verify -in "$file"
    done
    check "$name: the catalogue vouches for the driver" verify -catalog "$folder/driver/platter.cat" "$folder/driver/platter.sys"
    check "$name: and for the INF" tests/build/read_catalog.py "$folder/driver/platter.cat" "$folder/driver"
    check "$name names no place of this machine" sh -c '! grep -rlF "$1" "$2"' - "$root/" "$folder"
    check "each library that is linked is in SOURCES.txt" [ "$(grep -c snapshot.debian.org "$folder/licenses/SOURCES.txt")" = 8 ]
    cabinet=$work/first/submission/$name.cab
    check "$name.cab unpacks" cabextract -q -d "$work/cab-$processor" "$cabinet"
    for file in platter.sys platter.inf platter.cat; do
        check "$name.cab has $file in a folder of its own" cmp "$work/cab-$processor/Platter/$file" "$folder/driver/$file"
    done
    check "$name.cab has nothing else" [ "$(find "$work/cab-$processor" -type f | wc -l)" = 3 ]
    check "$name.cab is signed" verify -in "$cabinet"
done
check "the test one has its certificate" sh -c 'unzip -l "$1" | grep -q driver/platter-test.cer' - "$work/test/platter-$version-x86_64.zip"
check "but no cabinet for Microsoft" [ ! -e "$work/test/submission" ]

# What comes back from Microsoft: the same driver with another signature.
mkdir "$work/back"
for arch in win64 win32; do
    mkdir "$work/back/$arch"
    cp "build/$arch/platter.sys" "build/$arch/platter.inf" "$work/back/$arch/"
done
check "another key" setup/test-certificate.sh "$work/other"
for arch in win64 win32; do
    check "$arch: a package that somebody else has signed" env SIGN_KEY="$work/other/test.key" SIGN_CERT="$work/other/test.pem" sh -c '
        setup/sign.sh "$1/platter.sys" && setup/catalog.py --out "$1/platter.cat" "$1/platter.inf" && setup/sign.sh "$1/platter.cat"' - "$work/back/$arch"
done
# shellcheck disable=SC2086
check "make dist with the driver that they have signed" dist released $key "SIGNED_DRIVER=$work/back" PARTS=zips
check "has it as it came" sh -c 'unzip -p "$1" "*/driver/platter.sys" | cmp - "$2"' - "$work/released/platter-$version-x86_64.zip" "$work/back/win64/platter.sys"
python3 - "$work/back/win64/platter.sys" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[0x1234] ^= 1
open(sys.argv[1], "wb").write(data)
PY
# shellcheck disable=SC2086
refuses "a driver that is another one is refused" 1 "is not that of build/win64" dist wrong $key "SIGNED_DRIVER=$work/back" PARTS=zips
refuses "and so is a key that is not there" 1 "was not signed" dist none SIGN_KEY=/none SIGN_CERT=/none PARTS=zips
finish
