# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the suites of the setup: `. tests/wine/setup_lib.sh` after lib.sh. Two setups are made of what has been built, whose
# versions are all that is different: $older and $newer.
folder="$wine_prefix/drive_c/Program Files/Platter"
log="$wine_prefix/drive_c/windows/logs/Platter/setup.log"
older_version=1.0 newer_version=2.0.1
older="$work/platter-setup-$older_version.exe" newer="$work/platter-setup-$newer_version.exe"

# make_setups: sets nothing up, only builds the two files, whose driver is signed with a certificate for tests.
package=$work/package
make_setups() {
    mkdir -p "$package" && cp "$win"/platter*.exe "$win"/*.dll "$win/platter.sys" "$win/platter.inf" "$package/" &&
        setup/test-certificate.sh "$work/key" && cp "$work/key/test.cer" "$package/platter-test.cer" && sign platter.sys &&
        setup/catalog.py --out "$package/platter.cat" "$package/platter.inf" && sign platter.cat &&
        make_setup $older_version && make_setup $newer_version
}
make_setup() { PLATTER_PACKAGE="$package" PLATTER_QUICK=1 PLATTER_VERSION=$1 setup/build.sh win64 "$work"; }
sign() { SIGN_KEY="$work/key/test.key" SIGN_CERT="$work/key/test.pem" setup/sign.sh "$package/$1"; }

# setup FILE OPTIONS...: runs it silently, trusting its certificate; what it logged is the function's output too.
setup() {
    setup_file=$1
    shift
    untrusting "$setup_file" /TESTCERT "$@"
}
untrusting() {
    setup_file=$1
    shift
    rm -f "$log"
    wine_run 150 "$setup_file" /S "$@" >"$work/setup.out" 2>&1
    setup_status=$?
    [ ! -e "$log" ] || tr -d '\r' <"$log"
    return $setup_status
}

# uninstall OPTIONS...: runs uninstall.exe, which goes on in a copy of itself; waits for that and returns its exit status, as
# the log has it. (NSIS could be told to stay, but Wine lets no running program's file be renamed.)
uninstall() {
    rm -f "$log"
    wine_run 60 'C:\Program Files\Platter\uninstall.exe' /S "$@" >"$work/setup.out" 2>&1
    wait_for 150 uninstall_ended
    tr -d '\r' <"$log"
    # Nothing there: it was killed.
    return "$(tr -d '\r' <"$log" | sed -n 's/.*uninstall: exit status //p' | grep . || echo 99)"
}
uninstall_ended() {
    grep -q 'uninstall: exit status\|/DIEAT' "$log" && ! in_session "~nsu"
}
# in_session NAME: whether such a program runs in this Wine session.
in_session() {
    for process in /proc/[0-9]*; do
        tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF "WINEPREFIX=$wine_prefix" || continue
        ! tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -qF "$1" || return 0
    done
    return 1
}

# installed ARGUMENTS...: the platter.exe that setup has installed.
installed() {
    installed_out=$(mktemp "$work/installed.XXXXXX")
    wine_run 60 'C:\Program Files\Platter\platter.exe' "$@" >"$installed_out" 2>"$installed_out.err"
    installed_status=$?
    tr -d '\r' <"$installed_out" | tee "$work/out"
    tr -d '\r' <"$installed_out.err" >&2
    return $installed_status
}

# registry KEY NAME: the value, as text.
registry() { wine_run 30 reg query "$1" /v "$2" 2>/dev/null | tr -d '\r' | sed -n 's/^ .*REG_[A-Z_]* *//p'; }
has_key() { wine_run 30 reg query "$1" >/dev/null 2>&1; }
version() { registry 'HKLM\Software\Platter' Version; }

# snapshot NAME: files and registry as they are now.
snapshot() {
    wine_run 60 regedit /E "$(wine_path "$work/export.reg")" >/dev/null 2>&1 || return 1
    tests/wine/snapshot.py take "$wine_prefix" "$work/export.reg" "$work/$1.snapshot" && rm -f "$work/export.reg"
}

# same BEFORE [--all]: nothing is different now from that snapshot, but for what setup_exceptions.txt names.
same() {
    same_before=$1
    shift
    snapshot now &&
        tests/wine/snapshot.py compare "$work/$same_before.snapshot" "$work/now.snapshot" tests/wine/setup_exceptions.txt "$@"
}

# Wine makes keys for its displays when the first window is made, copies this machine's certificates when its store of them is first
# opened, and writes down how programs are trusted when the first is asked about; that is to be before the first snapshot.
setup_warm_up() {
    setup "$older" /WARM
    [ $? = 9 ] || return 1
    setup "$older" /FAILAT=signature
    [ $? = 2 ]
}
