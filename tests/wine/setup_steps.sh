#!/bin/bash
# SPDX-License-Identifier: MIT
# Fails and kills the installer at each step, on a machine without Platter and on one with an older version: after a failure
# everything is as it was; after a death the next run puts it right, whatever that run is.
# usage: setup_steps.sh [STEP...]     otherwise all
set -u
. tests/wine/lib.sh
need makensis mandoc osslsigncode openssl
wine_suite setup-steps
. tests/wine/setup_lib.sh
steps=${*:-files protect certificate signature stop mounts exchange-half exchange driver service events associations path menu entry}
check "two setups are made" make_setups
check "Wine makes what it makes of itself" setup_warm_up
check "a snapshot without Platter" snapshot nothing

# The service manager waits 10 seconds for a driver's host; on a busy machine that has been too few. hosts: those there are.
hosts() {
    for host in $(pgrep -f winedevice); do
        { tr '\0' '\n' <"/proc/$host/environ" | grep -qxF "WINEPREFIX=$wine_prefix"; } 2>/dev/null && echo "$host"
    done
}
# stall SECONDS: stops the next host that comes, for so long.
stall() {
    stall_before=" $(hosts | tr '\n' ' ') "
    for _ in $(seq 3000); do
        for host in $(hosts); do
            case $stall_before in *" $host "*) continue ;; esac
            kill -STOP "$host" && sleep "$1"
            kill -CONT "$host" 2>/dev/null
            return 0
        done
        sleep 0.02
    done
    return 1
}
# Stopped a moment later, when it has had its first command, the host is lost to Wine's service manager for good, which then passes
# no command on or stands still itself. That is not what is to be shown, so it is tried again with another Wine.
lost() { grep -q "process_send_command receiving command result timed out" "$wine_prefix/driver.log"; }
late_ended() { ! kill -0 "$late" 2>/dev/null || lost; }
for _ in 1 2 3 4 5; do
    stall 12 &
    staller=$!
    setup "$newer" /FAILAT=driver >"$work/late" &
    late=$!
    wait_for 170 late_ended
    lost || break
    echo "# Wine has lost a host that was stopped too late"
    wineserver -k
    wait $staller $late
    wine_up "$wine_prefix" && setup_warm_up >/dev/null && snapshot nothing
done
wait $late
check "first: a driver whose host is not in time is started again" [ $? = 2 ]
check "by the installation" grep -q "driver install.*exit status 0" "$work/late"
check "it was not in time" wait $staller
check "first: leaves nothing then" same nothing

# A first install has nothing to set aside, so there is no half of that.
for step in $steps; do
    [ "$step" != exchange-half ] || continue
    refuses "first: a failure after '$step'" 2 "FAILAT" setup "$newer" "/FAILAT=$step"
    check "first: leaves nothing" same nothing
done
setup "$newer" /DIEAT=menu >/dev/null
check "first: killed at the end" [ $? = 10 ]
check "first: the next run puts it right, and fails" [ "$(setup "$newer" /FAILAT=files >/dev/null; echo $?)" = 2 ]
check "first: which leaves nothing" same nothing

check "the older version" setup "$older"
check "a snapshot of it" snapshot older
for step in $steps; do
    refuses "update: a failure after '$step'" 2 "FAILAT" setup "$newer" "/FAILAT=$step"
    check "update: leaves the older version" same older
    check "update: whose driver runs" installed driver status
done
for step in $steps; do
    setup "$newer" "/DIEAT=$step" >/dev/null
    check "update: killed after '$step'" [ $? = 10 ]
    check "update: the next run puts it right, and fails" [ "$(setup "$newer" /FAILAT=files >/dev/null; echo $?)" = 2 ]
    check "update: which leaves the older version" same older
done
check "the newer version, after all that" setup "$newer"
check "is there" [ "$(version)" = $newer_version ]

for step in stop mounts service driver certificate events associations path menu users files entry; do
    [ $# = 0 ] || case " $* " in *" $step "*) ;; *) continue ;; esac
    uninstall "/DIEAT=$step" >/dev/null
    check "uninstall: killed after '$step'" [ $? != 0 ]
    check "uninstall: it can be run again" uninstall
    check "uninstall: and leaves nothing" same nothing
    check "uninstall: install again" setup "$newer"
done
check "uninstall" uninstall
check "leaves nothing" same nothing
check "the driver's host did not crash" wine_log_faults "$wine_prefix/driver.log"
finish
