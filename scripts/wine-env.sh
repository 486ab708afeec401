# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How Platter runs Windows programs on this machine: a Wine of its own, headless, in a folder of its own, so that
# nothing of the user's ~/.wine is read or changed and nothing but our own processes is ever stopped.
# Sourced (`. scripts/wine-env.sh`) from the project's root by scripts/demo.sh and by the suites in tests/wine.
#
#   wine_missing            succeeds, and says why, when there is no 64-bit Wine to run
#   wine_up FOLDER          copies the template prefix to FOLDER (on the same file system as build/) and starts a session;
#                           its drivers log to FOLDER/driver.log
#   wine_run SECONDS CMD... runs a Windows program in it, with a limit; its output is the caller's
#   wine_down               ends this session's processes and removes FOLDER; safe to call twice
#   wine_path PATH          the Windows spelling of a Unix path
#   wine_log_faults LOG     prints the lines of a driver log that mean the driver host crashed; fails if there is one
#                           that is not of Wine's own making

wine_template=${PLATTER_WINE_TEMPLATE:-build/wine-template}
wine_prefix=
# Debian keeps the loader and the server out of the way; /usr/bin/wine would first complain that there is no 32-bit Wine.
case :$PATH: in *:/usr/lib/wine:*) ;; *) PATH=/usr/lib/wine:$PATH ;; esac
export WINEDEBUG="err+all,fixme-all,warn+debugstr"
# explorer.exe would make a desktop, and mscoree and mshtml would offer to download things. winedbg would keep a program that
# has crashed, and a driver's host with all its devices, for a minute.
export WINEDLLOVERRIDES="winedbg.exe=;mscoree=;mshtml=;winemenubuilder.exe=;explorer.exe="
unset DISPLAY WAYLAND_DISPLAY
# Wine's loader lies at 0x7d000000 and must map a page at 0x7ffe0000. Now and then (one start in some hundreds) a
# randomised heap lies there first, and the program dies before it begins; without randomisation it never does.
wine_fixed=
if setarch -R true 2>/dev/null; then wine_fixed="setarch -R"; fi

wine_missing() {
    if ! command -v wine64 >/dev/null || ! command -v wineserver >/dev/null; then
        echo "wine64 is not installed"
    elif [ "$(uname -m)" != x86_64 ]; then
        echo "the driver is x86-64 and this machine is not"
    else
        return 1
    fi
}

# The template is made once (some 10 seconds, 700 MB) and copied for each session.
wine_make_template() {
    mkdir -p "$(dirname "$wine_template")"
    (
        flock 9
        [ ! -e "$wine_template/.ready" ] || exit 0
        rm -rf "$wine_template"
        # A server that starts on an empty folder leaves the prefix half made, so wineboot must come first.
        WINEPREFIX=$(realpath -m "$wine_template")
        export WINEPREFIX
        log=$wine_template.log
        if ! timeout -k 5 240 $wine_fixed wine64 wineboot -i </dev/null >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            echo "wine: could not make $wine_template" >&2
            exit 1
        fi
        wineserver -w
        timeout -k 5 60 $wine_fixed wine64 winecfg /v win10 </dev/null >>"$log" 2>&1
        wineserver -w
        touch "$wine_template/.ready"
    ) 9>"$wine_template.lock"
}

wine_boot() {
    # What an interrupted run may have left there.
    [ ! -e "$wine_prefix" ] || wineserver -k 2>/dev/null || :
    rm -rf "$wine_prefix"
    mkdir -p "$(dirname "$wine_prefix")"
    # Wine's own files are 700 MB that nobody changes, so they are linked; the registry is written and must be copied.
    cp -al "$wine_template" "$wine_prefix" && rm -f "$wine_prefix"/*.reg && cp -p "$wine_template"/*.reg "$wine_prefix" ||
        return 1
    $wine_fixed wineserver -p
    # The session's first program: the driver hosts inherit its output, so it goes to a file, never into a pipe.
    timeout -k 5 120 $wine_fixed wine64 wineboot </dev/null >"$wine_prefix/driver.log" 2>&1
}

wine_up() {
    wine_make_template || return 1
    wine_prefix=$(realpath -m "$1")
    export WINEPREFIX="$wine_prefix"
    # The host of Wine's USB bus is started here and may die as told at wine_log_faults; no driver of ours is there yet.
    for _ in 1 2 3; do
        wine_boot || return 1
        wine_log_faults "$wine_prefix/driver.log" >"$wine_prefix/driver.faults" && return
        echo "# a host of Wine's own drivers died: $(head -n 1 "$wine_prefix/driver.faults")" >&2
    done
    return 1
}

wine_run() {
    wine_limit=$1
    shift
    timeout -k 5 "$wine_limit" $wine_fixed wine64 "$@" </dev/null
}

wine_down() {
    [ -n "$wine_prefix" ] || return 0
    WINEPREFIX="$wine_prefix" wineserver -k 2>/dev/null || :
    WINEPREFIX="$wine_prefix" timeout 20 wineserver -w 2>/dev/null || :
    rm -rf "$wine_prefix"
    wine_prefix=
}

wine_path() {
    printf 'Z:%s\n' "$(realpath -m "$1" | tr / '\\')"
}

# Wine's driver host takes its first driver before its own PnP manager is up (ServiceMain in winedevice says "running" first),
# and dies in IoCreateDevice if its main thread is late: once in hundreds of starts, on a busy machine. That is one fault between
# our "loaded" and our "bus started", when no code of ours runs, with a start after it that succeeds. It is told and forgiven.
wine_log_faults() {
    awk '
        /platter: loaded, version/ { loaded = 1 }
        /platter: bus started/ { loaded = 0; early = "" }
        /Unhandled (page fault|.*exception)|Unimplemented function|KeBugCheckEx/ {
            if (loaded && !forgiven++) {
                early = $0
                print "# the host died before its PnP manager was up, and was started again: " $0
            } else {
                print
                bad = 1
            }
            loaded = 0
        }
        END {
            if (early != "") print early
            exit bad || early != ""
        }' "$1"
}
