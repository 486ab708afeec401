#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes platter-setup-VERSION.exe (win64) or platter-setup-VERSION-x86.exe (win32) of what has been built.
#
#   usage: setup/build.sh win64|win32 OUTDIR
#
# From the environment:
#   PLATTER_PACKAGE    folder with the files to pack, where they are not those of build/ARCH: signed ones, platter.cat,
#                      platter-test.cer beside them when they are signed for tests
#   PLATTER_SIGNATURE  "release" when the driver carries a signature of Microsoft's; "test" otherwise
#   PLATTER_SIGN       command that signs the file it is given, for uninstall.exe and the setup itself
#   PLATTER_VERSION    another version than CMakeLists.txt's, for tests of bringing up to date
#   PLATTER_QUICK      "1": compressed badly, for tests
#   SOURCE_DATE_EPOCH  for the files' times; the commit's otherwise
#
# The same files give the same bytes. OUTDIR/files-ARCH.txt is what is in it: "SIZE PATH" a line.
set -eu
cd "$(dirname "$0")/.."
arch=${1:?win64 or win32} out=${2:?a folder for the setup}
case $arch in
win64) suffix='' processor=x86_64 ;;
win32) suffix=-x86 processor=i686 ;;
*) echo "setup: unknown architecture '$arch'" >&2; exit 2 ;;
esac
# The first that keep others out of the folder from which uninstall.exe runs (CVE-2023-37378).
case $(makensis -VERSION) in
v3.08-3+deb12u* | v3.09* | v3.[1-9]* | v[4-9]*) ;;
*) echo "setup: NSIS $(makensis -VERSION) lets others change an uninstaller that runs; take 3.09, or Debian's 3.08-3+deb12u1" >&2; exit 1 ;;
esac
version=${PLATTER_VERSION:-$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
built=build/$arch
from=${PLATTER_PACKAGE:-$built}
export TZ=UTC LC_ALL=C SOURCE_DATE_EPOCH="$epoch"

mkdir -p "$out"
out=$(realpath "$out")
stage=$(mktemp -d "${TMPDIR:-/tmp}/platter-setup.XXXXXX")
trap 'rm -rf "$stage"' EXIT
payload=$stage/payload
mkdir -p "$payload/driver" "$payload/docs" "$payload/licenses" "$stage/tools"

# first FILE: where it lies, in the package or the build.
first() {
    for place in "$from" "$built"; do
        if [ -e "$place/$1" ]; then echo "$place/$1"; return 0; fi
    done
    echo "setup: $1 has not been built" >&2
    return 1
}
# Programs.
for file in platter.exe platterd.exe platterw.exe platter-eject.dll; do cp "$(first "$file")" "$payload/"; done
cp "$(first platter-steps.exe)" "$stage/tools/"
# The driver package.
cp "$(first platter.sys)" "$(first platter.inf)" "$payload/driver/"
for file in platter.cat platter-test.cer; do
    [ ! -e "$from/$file" ] || cp "$from/$file" "$payload/driver/"
done
# Papers: the manual page as a page that Windows can show.
mandoc -T html -O style=manual.css docs/platter.1 >"$payload/docs/manual.html"
cp setup/manual.css "$payload/docs/"
cp README.md CHANGELOG.md docs/*.md "$payload/docs/"
setup/licenses.sh "$processor" "$payload/licenses"
if [ -d setup/policy ]; then cp -r setup/policy "$payload/"; fi
if [ -d setup/powershell/Platter ]; then
    mkdir -p "$payload/powershell"
    cp -r setup/powershell/Platter "$payload/powershell/"
fi
# What the licence page shows: ours, then those of what is in the programs.
{
    cat LICENSE
    find "$payload/licenses" -type f ! -name platter.txt | sort | while read -r file; do
        printf '\n\n==== %s ====\n\n' "$(basename "$file" | sed 's/\.[a-z]*$//')"
        cat "$file"
    done
} | sed 's/\r$//; s/$/\r/' >"$stage/license.txt"

find "$payload" -type f -exec chmod 644 {} +
find "$stage" -exec touch -h -d "@$epoch" {} +
# With the separators of Windows, for platter-steps.exe to look whether all has been unpacked.
(cd "$payload" && find . -type f -printf '%s %P\n' | sort -k 2 | tr / '\\' | sed 's/$/\r/') >"$stage/files.txt"
# In this order: that in which a folder holds its files is another one elsewhere.
(cd "$payload" && find . -type f -printf '%P\n' | sort | while read -r file; do
    folder=$(dirname "$file" | tr / '\\')
    [ "$folder" = . ] && folder= || folder="\\$folder"
    printf 'SetOutPath "$INSTDIR\\~setup\\new%s"\nFile "%s/%s"\n' "$folder" "$payload" "$file"
done) >"$stage/payload.nsh"

setup=$out/platter-setup-$version$suffix.exe
rm -f "$setup"
makensis -V2 -WX -NOCD ${PLATTER_QUICK:+-DQUICK} "-DVERSION=$version" "-DFILE_VERSION=$(echo "$version.0.0.0" | cut -d. -f1-4)" "-DARCH=$arch" \
    "-DSTAGE=$stage" "-DOUT=$setup" "-DSIGNATURE=${PLATTER_SIGNATURE:-test}" "-DSOURCE=$PWD/setup" \
    "-DSIZE=$(du -sk --apparent-size "$payload" | cut -f1)" "-DRESOURCES=$PWD/resources" "-DSIGN=${PLATTER_SIGN:-}" setup/platter.nsi
cp "$stage/files.txt" "$out/files-$arch.txt"
