#!/bin/sh
# Servers that are not there or do not answer, lost connections, interruptions:
# the tool ends in time, and its exit status tells what may be concluded.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server
: "${FAULTPROXY:=$(find_built test/cli/faultproxy)}" || exit 1

# timed ...: t, noting how long it took.
timed() {
    timed_start=$(now_ms)
    t "$@"
    elapsed=$(($(now_ms) - timed_start))
}
# in_time NAME AT_LEAST_MS AT_MOST_MS: how long the last timed run took.
in_time() {
    if [ "$elapsed" -ge "$2" ] && [ "$elapsed" -le "$3" ]; then
        ok "$1"
    else
        not_ok "$1" "$elapsed ms, expected $2 to $3"
    fi
}
# through FAULT PATH NAME STATUS OUT ERR ARG...: t, by way of the faulty proxy.
through() {
    through_fault=$1 through_path=$2 t_name=$3 t_status=$4 t_out=$5 t_err=$6
    shift 6
    run "$FAULTPROXY" "$through_fault" "$through_path" "$CORRAL" "$@"
    judge "$t_name" "$t_status" "$t_out" "$t_err"
}

# The times allow for a busy machine; what ends too late here ends much too late.
for command in 'get /x' 'add /x' 'set /x 1' 'cas /x 1 2' 'rm /x'; do
    # shellcheck disable=SC2086
    timed "no server: $command" 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
        --servers 127.0.0.1:1 --timeout 0.7 counter $command
    in_time "... within the timeout: $command" 700 8000
done
start=$(now_ms)
through deaf - 'a server that is deaf' 3 '' '/x: timed out: cannot reach 127.0.0.1:*' --timeout 0.7 counter add /x
elapsed=$(($(now_ms) - start))
in_time '... within the timeout' 700 8000
t 'one of two servers is enough' 0 1 '' --servers "127.0.0.1:1,$CORRAL_SERVERS" counter add /two
t 'the servers are named in full' 3 '' '/x: timed out: cannot reach 127.0.0.1:1,127.0.0.1:2/root' \
    --servers 127.0.0.1:1,127.0.0.1:2/root --timeout 0.3 counter get /x

# The server itself, frozen: the kernel takes the connection, nobody answers.
# shellcheck disable=SC2013
for child in $(cat "/proc/$PPID/task/$PPID/children"); do
    [ "$(cat "/proc/$child/comm")" = java ] && server=$child
done
kill -STOP "$server"
timed 'a frozen server' 3 '' '/x: timed out: cannot reach *' --timeout 0.7 counter add /x
in_time '... within the timeout' 700 8000
(
    sleep 1
    kill -CONT "$server"
) &
t 'a server that thaws in time' 0 1 '' --timeout 60 counter add /thawed
wait $!
t 'what timed out was not done' 1 '' '/x: no such counter' counter get /x

through before /before 'connection lost before the server' 0 1 '' counter add /before
through after /after 'connection lost after the server' 0 1 '' counter add /after
through after /set 'the same, set' 0 5 '' counter set /set 5
through after /set 'the same, cas' 0 6 '' counter cas /set 5 6
through after /set 'the same, rm' 0 '' '' counter rm /set
through before /amo 'connection lost before the server, --at-most-once' 5 '' \
    '/amo: may or may not have been applied: the connection was lost' counter add --at-most-once /amo
t '... it was not' 1 '' '/amo: no such counter' counter get /amo
through after /amo 'connection lost after the server, --at-most-once' 5 '' \
    '/amo: may or may not have been applied: the connection was lost' counter add --at-most-once /amo
t '... it was' 0 1 '' counter get /amo
start=$(now_ms)
through silence /silent 'no reply' 5 '' '/silent: may or may not have been applied: timed out' \
    --timeout 0.7 counter add /silent
elapsed=$(($(now_ms) - start))
in_time '... within the timeout' 700 4000
t '... it was done' 0 1 '' counter get /silent
is "ZooKeeper's client sees each done once" "$(printf 'get %s\n' /before /after /amo /silent | zk | tr '\n' ' ')" \
    '1 1 1 1 '

for signal in INT:130 TERM:143 HUP:129; do
    # A shell starts what runs in the background with SIGINT ignored.
    env --default-signal=INT "$CORRAL" --servers 127.0.0.1:1 --timeout 60 counter add /x \
        >"$scratch/out" 2>"$scratch/err" &
    tool=$!
    # Until it holds the three signals back.
    for _ in $(seq 200); do
        grep -q 'SigBlk:.*4003$' "/proc/$tool/status" && break
        sleep 0.05
    done
    kill -"${signal%:*}" $tool
    status=0
    wait $tool || status=$?
    out=$(cat "$scratch/out") err=$(cat "$scratch/err")
    judge "SIG${signal%:*} before anything was sent" "${signal#*:}" '' '/x: interrupted before anything was changed'
done
# shellcheck disable=SC2016
PIDFILE=$scratch/pid "$FAULTPROXY" silence /int sh -c \
    'echo $$ >"$PIDFILE"; exec "$CORRAL" --timeout 60 counter add /int' >"$scratch/out" 2>"$scratch/err" &
proxied=$!
for _ in $(seq 100); do
    "$CORRAL" counter get /int >/dev/null 2>&1 && break
    sleep 0.1
done
kill -TERM "$(cat "$scratch/pid")"
status=0
wait $proxied || status=$?
out=$(cat "$scratch/out") err=$(cat "$scratch/err")
judge 'SIGTERM while the reply is awaited' 5 '' '/int: may or may not have been applied: interrupted'

finish
