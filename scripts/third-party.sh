#!/bin/sh
# Builds for Windows the libraries that Debian has no mingw-w64 package for, from Debian's own source packages,
# pinned by checksum. Natively the same libraries come from Debian's -dev packages.
#
#   build/third-party/<x86_64|i686>/{include,lib}
#
# usage: scripts/third-party.sh            does nothing when all is there already
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/third-party
src=$out/src

# package  version            source description                    its sha256 (it holds those of the archives)
libraries="
zstd   1.5.4+dfsg2-5        libzstd_1.5.4+dfsg2-5.dsc        8f602f92b575aa8b5e979196fb6ee82d78f233521dc9636526d3ecba1f63c1b1
jansson 2.14-2              jansson_2.14-2.dsc               6296ddd9c0a022bd1b70074aefb171cfcdf5694a04ffd32b35fd66097621af87
"

# The machine's own package sources, asked for source packages, without touching the machine's configuration.
fetch() {
    package=$1 version=$2 file=$3 sum=$4
    mkdir -p "$src"
    if ! echo "$sum  $src/$file" | sha256sum -c --status 2>/dev/null; then
        apt=$out/apt
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/sources.d"
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
            grep -E ' bookworm(-security|-updates)? ' | sort -u | while read -r uri release component; do
            echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release $component"
        done >"$apt/sources.list"
        [ -s "$apt/sources.list" ] || { echo "third-party: no Debian 12 package source is configured" >&2; exit 1; }
        set -- -q -o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/sources.d" \
            -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
        [ -e "$apt/updated" ] || { apt-get "$@" update >"$apt/log" 2>&1 && touch "$apt/updated"; } ||
            { tail -n 5 "$apt/log" >&2; exit 1; }
        (cd "$src" && apt-get "$@" source --download-only "$package=$version") >"$apt/log" 2>&1 ||
            { tail -n 5 "$apt/log" >&2; exit 1; }
        echo "$sum  $src/$file" | sha256sum -c --status ||
            { echo "third-party: $file is not the file that was pinned (sha256 differs)" >&2; exit 1; }
    fi
}

# unpack FILE: Debian's tree with Debian's patches, in $tree; dpkg-source checks the archives against the description.
unpack() {
    tree=$out/tree/$arch/${1%%_*}
    rm -rf "$tree"
    mkdir -p "$out/tree/$arch"
    dpkg-source -x "$src/$1" "$tree" >"$out/unpack.log" 2>&1 || { tail -n 5 "$out/unpack.log" >&2; exit 1; }
}

compile() { # compile LIBRARY FLAGS SOURCES...: a static library, the same bytes wherever it is built
    library=$1 flags=$2
    shift 2
    objects=
    for unit in "$@"; do
        object=$tree/$(echo "${unit#"$tree"/}" | tr / _).o
        # shellcheck disable=SC2086
        "$cc" -O2 -g0 -ffile-prefix-map="$tree"=/third-party $flags -c "$unit" -o "$object"
        objects="$objects $object"
    done
    rm -f "$prefix/lib/$library"
    # shellcheck disable=SC2086
    "$ar" rcsD "$prefix/lib/$library" $objects
}

build_zstd() {
    compile libzstd.a "-DZSTD_DISABLE_ASM -DZSTD_MULTITHREAD=0 -I$tree/lib" \
        "$tree"/lib/common/*.c "$tree"/lib/compress/*.c "$tree"/lib/decompress/*.c
    cp "$tree"/lib/zstd.h "$tree"/lib/zstd_errors.h "$prefix/include/"
    cp "$tree/LICENSE" "$prefix/licenses/zstd.txt"
}

build_jansson() {
    # What its configure would find with mingw-w64.
    sed -e 's/@json_inline@/inline/; s/@json_have_long_long@/1/; s/@json_have_localeconv@/1/' \
        -e 's/@json_have_atomic_builtins@/1/; s/@json_have_sync_builtins@/1/' "$tree/src/jansson_config.h.in" \
        >"$prefix/include/jansson_config.h"
    printf '#define %s\n' 'HAVE_STDINT_H 1' 'HAVE_SYS_TYPES_H 1' 'HAVE_SYS_TIME_H 1' 'HAVE_GETTIMEOFDAY 1' \
        'USE_WINDOWS_CRYPTOAPI 1' 'INITIAL_HASHTABLE_ORDER 3' >"$tree/src/jansson_private_config.h"
    cp "$tree/src/jansson.h" "$prefix/include/"
    compile libjansson.a "-DHAVE_CONFIG_H -I$prefix/include -I$tree/src" "$tree"/src/*.c
    cp "$tree/LICENSE" "$prefix/licenses/jansson.txt"
}

for arch in x86_64 i686; do
    prefix=$out/$arch
    cc=$arch-w64-mingw32-gcc ar=$arch-w64-mingw32-ar
    mkdir -p "$prefix/include" "$prefix/lib" "$prefix/licenses"
    echo "$libraries" | while read -r package version file sum; do
        [ -n "$package" ] || continue
        stamp=$prefix/.$package-$sum
        [ ! -e "$stamp" ] || continue
        echo "Platter: building $package $version for $arch from Debian's source package"
        fetch "$package" "$version" "$file" "$sum"
        unpack "$file"
        "build_$package"
        touch "$stamp"
    done
done
