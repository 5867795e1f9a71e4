#!/bin/sh
# The examples do what they say; one that does not end is ended, and what it has said is shown.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

counter=$(find_built examples/counter) || exit 1
epoll=$(find_built examples/epoll) || exit 1
ids=$(find_built examples/ids) || exit 1
libuv=$(find_built examples/libuv) || exit 1
lock=$(find_built examples/lock) || exit 1
watch=$(find_built examples/watch) || exit 1

run timeout 120 "$counter" /examples/counter
judge 'counter' 0 'blocking: 1
asynchronous: 2' ''

run timeout 120 "$epoll" /examples/epoll 3
judge 'epoll' 0 '1
2
3' ''
is 'epoll has counted' "$("$CORRAL" counter get /examples/epoll)" 3

run "$ids" /examples/orders 2
judge 'ids' 0 '1 0000000000001
2 0000000000002
3 0000000000003' ''
is 'ids has taken three' "$("$CORRAL" id next /examples/orders)" 4

for _ in 1 2; do
    timeout 120 "$lock" /examples/lock 3 >>"$scratch/turns" 2>>"$scratch/err" &
done
wait
is 'lock takes its turns' "$(grep -c ': success, valid for [1-9]' "$scratch/turns")" 6
is '... and complains of nothing' "$(cat "$scratch/err")" ''

# More adds than it can make: the signal ends it, also with one of them under way.
: >"$scratch/sums" # to be counted in at once: a signal that comes before the program does is nobody's
timeout 120 "$epoll" /examples/signal 1000000000 >"$scratch/sums" 2>"$scratch/err" &
pid=$!
# shellcheck disable=SC2317
has_sums() {
    [ "$(wc -l <"$scratch/sums")" -ge 3 ]
}
wait_for has_sums
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
if [ "$status" -eq 0 ]; then
    ok 'epoll ends at a signal'
else
    not_ok 'epoll ends at a signal' "exit status $status" "its last sums: $(tail -n 3 "$scratch/sums" | tr '\n' ' ')" \
        "stderr: $(cat "$scratch/err")"
fi
is '... and says why' "$(cat "$scratch/err")" 'epoll: a signal: stopping'
sums=$(wc -l <"$scratch/sums")
is '... having printed each sum' "$(tail -n 1 "$scratch/sums")" "$sums"

run "$ids" /examples/counter
is 'ids tells what is no generator' "$status$out|$err" '1|ids: /examples/counter: znode holds something else'

# Those that follow a znode until a signal comes.
# follow PROGRAM PATH: in the background, to $scratch/out and $scratch/err, as $watcher.
follow() {
    : >"$scratch/out" # to be counted in at once
    # Else it would send a signal twice, to the program and to its group.
    timeout --foreground 120 "$@" >"$scratch/out" 2>"$scratch/err" &
    watcher=$!
}
follow "$watch" /examples/config
see 1
first=$("$CORRAL" value set /examples/config max=7)
see 2
second=$("$CORRAL" value set /examples/config '')
see 3
end TERM
judge 'watch' 0 "absent
change $first: max=7
change $second: " ''
follow "$libuv" /examples/limits
see 1
"$CORRAL" value set /examples/limits max=7 >/dev/null
see 2
"$CORRAL" value rm /examples/limits
see 3
end TERM
is 'libuv' "$status $(tr '\n' ' ' <"$scratch/out")" '0 absent max=7 absent '
is '... and says why it ends' "$(cat "$scratch/err")" 'libuv: signal 15: stopping'

CORRAL_SERVERS='::bad::'
export CORRAL_SERVERS
run "$epoll" /examples/epoll
is 'epoll tells what it cannot open' "$status$out" 1
run "$libuv" /examples/limits
is 'libuv tells what it cannot open' "$status$out" 1
run "$watch" /examples/config
is 'watch tells what it cannot open' "$status$out" 1

finish
