#!/bin/sh
# Servers that are not there or do not answer, lost connections, interruptions:
# the tool ends in time, and its exit status tells what may be concluded.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server
FAULTPROXY=${FAULTPROXY:-$(find_built test/cli/faultproxy)} || exit 1

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

# judge_ended PID NAME STATUS OUT ERR: wait for the process, and judge.
judge_ended() {
    status=0
    wait "$1" || status=$?
    out=$(cat "$scratch/out") err=$(cat "$scratch/err")
    shift
    judge "$@"
}

# The times allow for a busy machine; what ends too late here ends much too late.
for command in 'get /x' 'add /x' 'set /x 1' 'cas /x 1 2' 'rm /x'; do
    # shellcheck disable=SC2086
    timed "no server: $command" 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
        --servers 127.0.0.1:1 --timeout 0.7 counter $command
    in_time "... within the timeout: $command" 700 8000
done
for command in 'get /x' 'set /x 1' 'cas /x 1 2' 'rm /x'; do
    # shellcheck disable=SC2086
    timed "no server: value $command" 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
        --servers 127.0.0.1:1 --timeout 0.7 value $command
    in_time "... within the timeout: value $command" 700 8000
done
for command in 'watch /x' 'watch --children /x' 'watch /x --exec never'; do
    # shellcheck disable=SC2086
    timed "no server: $command" 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
        --servers 127.0.0.1:1 --timeout 0.7 $command
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
server=$(server_process)
kill -STOP "$server"
timed 'a frozen server' 3 '' '/x: timed out: cannot reach *' --timeout 0.7 counter add /x
in_time '... within the timeout' 700 8000
"$CORRAL" --timeout 60 counter add /thawed >"$scratch/out" 2>"$scratch/err" &
tool=$!
# Until it has a connection, which the kernel has made.
for _ in $(seq 1200); do
    find /proc/$tool/fd -lname 'socket:*' | grep -q . && break
    sleep 0.05
done
kill -CONT "$server"
judge_ended $tool 'a server that thaws in time' 0 1 ''
t 'what timed out was not done' 1 '' '/x: no such counter' counter get /x

through before /before 'connection lost before the server' 0 1 '' counter add /before
through after /after 'connection lost after the server' 0 1 '' counter add /after
through after /set 'the same, set' 0 5 '' counter set /set 5
through after /set 'the same, cas' 0 6 '' counter cas /set 5 6
through after /set 'the same, rm' 0 '' '' counter rm /set
# changed NAME PATH: the last run was a change of PATH, the last one, and has printed its number.
changed() {
    judge "$1" 0 "$("$CORRAL" value get --mzxid "$2" | head -n 1)" ''
}
for fault in before after; do
    run "$FAULTPROXY" $fault /value "$CORRAL" value set /value made
    changed "value set: connection lost $fault the server" /value
    run "$FAULTPROXY" $fault /value "$CORRAL" value cas /value "$out" swapped
    changed "value cas: connection lost $fault the server" /value
    t '... it was done' 0 swapped '' value get /value
    through $fault /value "value rm: connection lost $fault the server" 0 '' '' value rm /value
    run "$FAULTPROXY" $fault /value "$CORRAL" value cas /value 0 'made again'
    changed "value cas 0: connection lost $fault the server" /value
done
through silence /value 'value set: no reply' 5 '' '/value: may or may not have been applied: timed out' \
    --timeout 3 value set /value last # enough to have sent it
t '... it was done' 0 last '' value get /value
is '... once' "$(echo 'stat /value' | zk | sed -n 's/^dataVersion = //p')" 1
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

# No lost reply leaves it open whether the lock is held: with one of them the command runs, or never will.
through before /lost 'lock: connection lost before the server' 0 yes '' lock /lost echo yes
through after /lost 'lock: connection lost after the server' 0 yes '' lock /lost echo yes
through silence /lost 'lock: no reply' 123 '' '/lost: timed out' lock --timeout 0.7 -n /lost echo never
through silence /lost 'lock: no reply, -w' 123 '' '/lost: timed out' lock -w 0.7 /lost echo never
t '... the lock is free when the session has ended' 0 free '' lock -w 60 /lost echo free

# await_held PID: until the tool holds the three signals back.
await_held() {
    for _ in $(seq 1200); do
        grep -qs 'SigBlk:.*4003$' "/proc/$1/status" && return
        sleep 0.05
    done
}
# start_unreached: the tool, without a server to reach, as $tool.
start_unreached() {
    # A shell starts what runs in the background with SIGINT ignored.
    env --default-signal=INT "$CORRAL" --servers 127.0.0.1:1 --timeout 60 counter add /x \
        >"$scratch/out" 2>"$scratch/err" &
    tool=$!
    await_held $tool
}
for signal in INT:130 TERM:143 HUP:129; do
    start_unreached
    kill -"${signal%:*}" $tool
    judge_ended $tool "SIG${signal%:*} before anything was sent" "${signal#*:}" '' \
        '/x: interrupted before anything was changed'
done
start_unreached
kill -STOP $tool
kill -INT $tool
kill -TERM $tool
kill -CONT $tool
judge_ended $tool 'two signals at once' 130 '' '/x: interrupted before anything was changed'

# Ctrl-C on a terminal, under a wrapper that passes on what the tool has had already. The tool is stopped
# until it has both.
cat >"$scratch/wrapper" <<'EOF'
env --default-signal=INT "$CORRAL" --servers 127.0.0.1:1 --timeout 60 counter add /x &
tool=$!
trap 'kill -TERM $tool; echo passed on' INT
echo "$tool" >"$PIDFILE"
wait $tool # until the trap
wait $tool
EOF
# await_line FILE [LINE]: until the file has that line, or any.
await_line() {
    for _ in $(seq 1200); do
        grep -qs "${2-}" "$1" && return
        sleep 0.05
    done
}
mkfifo "$scratch/keys"
PIDFILE=$scratch/pid env --default-signal=INT script -qefc "sh '$scratch/wrapper'" /dev/null <"$scratch/keys" >"$scratch/out" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"
await_line "$scratch/pid"
tool=$(cat "$scratch/pid")
await_held "$tool"
kill -STOP "$tool"
printf '\003' >&3
await_line "$scratch/out" 'passed on'
kill -CONT "$tool"
status=0
wait $terminal || status=$?
exec 3>&-
is 'Ctrl-C under a wrapper that passes it on' "$status $(tr -d '\r' <"$scratch/out")" '130 ^Cpassed on
corral: /x: interrupted before anything was changed'

# start_silenced PATH: the tool, waiting for a reply about PATH, as $tool below $proxied.
start_silenced() {
    # shellcheck disable=SC2016
    PIDFILE=$scratch/pid "$FAULTPROXY" silence "$1" sh -c \
        'echo $$ >"$PIDFILE"; exec "$CORRAL" --timeout 60 counter add "$0"' "$1" >"$scratch/out" 2>"$scratch/err" &
    proxied=$!
    for _ in $(seq 600); do
        "$CORRAL" counter get "$1" >/dev/null 2>&1 && break
        sleep 0.1
    done
    tool=$(cat "$scratch/pid")
}
start_silenced /int
kill -TERM "$tool"
judge_ended $proxied 'SIGTERM while the reply is awaited' 5 '' '/int: may or may not have been applied: interrupted'
"$CORRAL" value set /awaited no >/dev/null
# shellcheck disable=SC2016
PIDFILE=$scratch/pid "$FAULTPROXY" silence /awaited sh -c \
    'echo $$ >"$PIDFILE"; exec "$CORRAL" --timeout 60 value set /awaited yes' >"$scratch/out" 2>"$scratch/err" &
proxied=$!
# shellcheck disable=SC2317
is_set() {
    [ "$("$CORRAL" value get /awaited)" = yes ]
}
wait_for is_set
kill -TERM "$(cat "$scratch/pid")"
judge_ended $proxied 'value set: SIGTERM while the reply is awaited' 5 '' \
    '/awaited: may or may not have been applied: interrupted'
start_silenced /twice
kill -STOP "$tool"
kill -INT "$tool"
kill -TERM "$tool"
kill -CONT "$tool"
judge_ended $proxied 'two signals while the reply is awaited' 5 '' \
    '/twice: may or may not have been applied: interrupted'

finish
