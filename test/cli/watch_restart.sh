#!/bin/sh
# shellcheck disable=SC2016 # what is single-quoted is for another shell
# `watch` when the server is killed and started again: it says so, goes on, and ends up with what is there.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

# What it takes to start the server again, as it was started.
server=$(server_process)
tr '\0' '\n' <"/proc/$server/cmdline" >"$scratch/command"
directory=$(readlink "/proc/$server/fd/0")

kill_server() {
    kill -KILL "$server"
    # Whose child it is, or was, has seen the end of it then.
    wait_for sh -c '! kill -0 "$0" 2>/dev/null' "$server"
}
# start_server: with the data that are there; it ends with this shell.
# shellcheck disable=SC2046
start_server() {
    (
        set -f
        IFS='
'
        set -- $(cat "$scratch/command")
        cd /
        exec setpriv --pdeathsig KILL -- "$@"
    ) <"$directory" >>"$directory/log" 2>&1 &
    server=$!
}
# says WHAT: wait until that is what the watch has said last.
# shellcheck disable=SC2317
said_last() {
    [ "$(tail -n 1 "$scratch/err")" = "corral: $1" ]
}
says() {
    wait_for said_last "$1" || not_ok "it says: $1" "$(cat "$scratch/err")"
}
# shown PATH: the number of the last change and the data, as zkCli.sh shows them.
shown() {
    echo "get -s $1" | zk >"$scratch/shown"
    printf '%d %s\n' "$(sed -n 's/^mZxid = //p' "$scratch/shown")" "$(head -n 1 "$scratch/shown")"
}
# last: the same of the watch.
last() {
    tail -n 1 "$scratch/out" | cut -d ' ' -f 2,5-
}

"$CORRAL" value set /watched before >/dev/null
watch watch /watched
see 1
kill_server
says "/watched: lost the connection to $CORRAL_SERVERS"
start_server
says '/watched: connected again'
is 'killed and started again: it says so' "$(sort -u "$scratch/err")" "corral: /watched: connected again
corral: /watched: lost the connection to $CORRAL_SERVERS"
is '... and prints nothing, since nothing has changed' "$(wc -l <"$scratch/out") $(last)" \
    "1 $(shown /watched)"
"$CORRAL" value set /watched 'and after' >/dev/null
see 2
is 'a change after that is the last line' "$(last)" "$(shown /watched)"

# With changes that it cannot be told of, since it stands still.
kill -STOP "$watcher"
for value in one two three; do
    "$CORRAL" value set /watched $value >/dev/null
done
kill_server
start_server
"$CORRAL" --timeout 60 value set /watched 'the last of all' >/dev/null
kill -CONT "$watcher"
wait_for sh -c 'tail -n 1 "$0" | grep -q "the last of all"' "$scratch/out" || not_ok 'the last state has not come'
wait_for sh -c '[ "$(grep -c "connected again" "$0")" -ge 2 ]' "$scratch/err" || not_ok 'it has not come back'
is 'changes that it has not seen: the last line is what zkCli.sh shows' "$(last)" "$(shown /watched)"
is '... with what was left out' "$(awk '{ n += $4 } END { print n + NR - 1 }' "$scratch/out")" \
    "$(awk 'END { print $3 }' "$scratch/out")"
end INT
is 'it has watched all the time' "$status $(grep -vc 'lost the connection\|connected again\|has expired' "$scratch/err")" '130 0'

# Of children, as JSON.
watch --json watch --children /watched
see 1
kill_server
says "/watched: lost the connection to $CORRAL_SERVERS"
start_server
"$CORRAL" --timeout 60 value set /watched/child '' >/dev/null
see 2
says '/watched: connected again'
pzxid=$(echo 'stat /watched' | zk | sed -n 's/^pZxid = //p')
is 'children: the last line is what zkCli.sh shows' "$(tail -n 1 "$scratch/out" | sed 's/"czxid":"[0-9]*",//')" \
    "{\"path\":\"/watched\",\"state\":\"children\",\"children\":[\"child\"],\"mzxid\":\"$((pzxid))\",\"version\":1,\"index\":0,\"skipped\":\"0\"}"
end INT

# A counter is followed in the same way.
"$CORRAL" counter add /hits >/dev/null
watch counter watch /hits
see 1
kill_server
says "/hits: lost the connection to $CORRAL_SERVERS"
start_server
"$CORRAL" --timeout 60 counter add /hits >/dev/null
see 2
says '/hits: connected again'
end INT
is 'counter watch' "$status $(tr '\n' ' ' <"$scratch/out")" '130 1 2 '

finish
