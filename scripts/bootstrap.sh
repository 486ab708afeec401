#!/bin/sh
# Installs the Debian packages that a make target needs and that are not there yet, and says which.
# usage: scripts/bootstrap.sh build|demo|test|lint|bench|fuzz|dist|guest|pictures ...
set -eu

build="gcc libc6-dev cmake ninja-build python3 gcc-mingw-w64-x86-64 gcc-mingw-w64-i686 mingw-w64-x86-64-dev
    mingw-w64-i686-dev dpkg-dev patch xz-utils zlib1g-dev libzstd-dev libjansson-dev libgcrypt20-dev
    libz-mingw-w64-dev libgcrypt-mingw-w64-dev debian-archive-keyring"
images="ntfs-3g dosfstools mtools qemu-utils gdisk fdisk"
wine="wine64 wine"
# Signing, the cabinet for Microsoft, and what the tests read all that with.
release="zip unzip osslsigncode openssl gcab nsis mandoc"
readers="python3-asn1crypto python3-pefile python3-jsonschema python3-yaml cabextract libxml2-utils
    softhsm2 libengine-pkcs11-openssl"
# A screen that nobody sees, and hands.
screen="xvfb xdotool x11-xkb-utils"

packages=
for purpose in "$@"; do
    case $purpose in
    build) packages="$packages $build" ;;
    demo) packages="$packages $build $images $wine" ;;
    test) packages="$packages $build $images $wine $release $readers $screen clang llvm libcmocka-dev libnbd-bin nbdkit qemu-system-common zstd openssl git mandoc file xxd" ;;
    lint) packages="$packages $build clang clang-tidy clang-format cppcheck shellcheck git" ;;
    format) packages="$packages clang-format" ;;
    bench) packages="$packages $build $images libnbd-bin nbdkit zstd fio" ;;
    fuzz) packages="$packages $build clang libclang-rt-14-dev" ;;
    dist) packages="$packages $build $release" ;;
    guest) packages="$packages $build $images qemu-system-x86 genisoimage" ;;
    pictures) packages="$packages $build $wine nsis mandoc $screen imagemagick zstd openssl ntfs-3g" ;;
    *) echo "bootstrap: unknown purpose '$purpose'" >&2; exit 2 ;;
    esac
done

missing=
for package in $packages; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

echo "Platter: installing what is missing with apt-get:$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { echo "bootstrap: not root and no sudo; as root run: apt-get install$missing" >&2; exit 1; }
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if ! { $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "bootstrap: apt-get failed; its last lines are above" >&2
    exit 1
fi
