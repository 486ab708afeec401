# SPDX-License-Identifier: MIT
# For suites with an image on a server: `. tests/wine/server.sh` behind wine_suite. $uri is where it is, $port its port.
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
uri=nbd://127.0.0.1:$port
server=
at_exit 'serves_no_more'

# serves FILE: $work/FILE is there from now on.
serves() {
    rm -f "$work/pid"
    nbdkit -f -i 127.0.0.1 -p "$port" -P "$work/pid" file "$work/$1" >"$work/nbdkit" 2>&1 &
    server=$!
    wait_for 10 test -s "$work/pid"
}
# At once: asked to end, it would wait for its clients.
serves_no_more() {
    [ -n "$server" ] || return 0
    kill -KILL "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}
