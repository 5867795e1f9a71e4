#!/bin/sh
# The examples do what they say.
. "$(dirname "$0")/harness.sh"
need_server

counter=$(find_built examples/counter) || exit 1
epoll=$(find_built examples/epoll) || exit 1
lock=$(find_built examples/lock) || exit 1

run "$counter" /examples/counter
judge 'counter' 0 'blocking: 1
asynchronous: 2' ''

run "$epoll" /examples/epoll 3
judge 'epoll' 0 '1
2
3' ''
is 'epoll has counted' "$("$CORRAL" counter get /examples/epoll)" 3

for _ in 1 2; do
    "$lock" /examples/lock 3 >>"$scratch/turns" 2>>"$scratch/err" &
done
wait
is 'lock takes its turns' "$(grep -c ': success, valid for [1-9]' "$scratch/turns")" 6
is '... and complains of nothing' "$(cat "$scratch/err")" ''

# More adds than it can make: the signal ends it, also with one of them under way.
: >"$scratch/sums" # to be counted in at once: a signal that comes before the program does is nobody's
"$epoll" /examples/signal 1000000000 >"$scratch/sums" 2>"$scratch/err" &
pid=$!
for _ in $(seq 600); do
    [ "$(wc -l <"$scratch/sums")" -lt 3 ] || break
    sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
is 'epoll ends at a signal' "$?" 0
is '... and says why' "$(cat "$scratch/err")" 'epoll: a signal: stopping'
sums=$(wc -l <"$scratch/sums")
is '... having printed each sum' "$(tail -n 1 "$scratch/sums")" "$sums"

CORRAL_SERVERS='::bad::'
export CORRAL_SERVERS
run "$epoll" /examples/epoll
is 'epoll tells what it cannot open' "$status$out" 1

finish
