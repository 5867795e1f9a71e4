#!/bin/sh
# `counter watch`: the value now and at every change; how it ends.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

"$CORRAL" counter set /seen 5 >/dev/null
watch counter watch /seen
see 1
"$CORRAL" counter add /seen >/dev/null
see 2
"$CORRAL" counter set /seen -7 >/dev/null
see 3
"$CORRAL" counter rm /seen
see 4
"$CORRAL" counter add /seen 9223372036854775807 >/dev/null
see 5
end INT
judge 'the value now and at every change, until SIGINT' 130 '5
6
-7
-
9223372036854775807' ''

for signal in TERM:143 HUP:129; do
    watch counter watch /later
    see 1
    "$CORRAL" counter add /later >/dev/null
    see 2
    "$CORRAL" counter rm /later
    see 3
    end "${signal%:*}"
    judge "a counter that comes later, until SIG${signal%:*}" "${signal#*:}" '-
1
-' ''
done

"$CORRAL" counter set /json 1 >/dev/null
watch --json counter watch /json
see 1
"$CORRAL" counter set /json 9007199254740993 >/dev/null
see 2
"$CORRAL" counter rm /json
see 3
end INT
stamp='"czxid":"[0-9]+","mzxid":"[0-9]+","version":[01],"index":0'
is '--json' "$(grep -Ecx "\{\"path\":\"/json\",\"exists\":true,\"value\":\"(1|9007199254740993)\",$stamp,\"skipped\":\"0\"\}" \
    "$scratch/out") $(tail -n 1 "$scratch/out")" '2 {"path":"/json","exists":false,"skipped":"0"}'

"$CORRAL" counter set /bad 1 >/dev/null
watch counter watch /bad
see 1
printf 'set /bad five\n' | zk >/dev/null
wait_for test -s "$scratch/err"
printf 'set /bad 5\n' | zk >/dev/null
see 2
end INT
judge 'a znode that holds no number: a diagnostic, and on' 130 '1
5' '/bad: holds no decimal 64-bit number; waiting for the next change'

"$CORRAL" counter set --encoding int32 /int -2 >/dev/null
watch counter watch --encoding int32 --min 0 /int
see 1
"$CORRAL" counter add --encoding int32 /int 3 >/dev/null
see 2
end INT
judge 'in the encoding asked for, whatever the bounds' 130 '-2
1' ''
t 'no such encoding' 2 '' '--encoding is *' counter watch --encoding int16 /int

# A reader that has enough: the tool ends at once, without a word.
"$CORRAL" counter set /pipe 1 >/dev/null
{
    status=0
    "$CORRAL" counter watch /pipe 2>"$scratch/err" || status=$?
    echo $status >"$scratch/status"
} | head -n 1 >"$scratch/out"
wait_for test -s "$scratch/status"
status=$(cat "$scratch/status") out=$(cat "$scratch/out") err=$(cat "$scratch/err")
judge 'a reader that has seen enough' 141 1 ''

# A reader that reads nothing: what is outdated is left out, and a signal still ends it.
mkfifo "$scratch/fifo"
"$CORRAL" --json counter watch /stuck >"$scratch/fifo" 2>"$scratch/err" &
watcher=$!
exec 3<"$scratch/fifo"
IFS= read -r line <&3
matches 'a reader that stops' "$line" '*"exists":false*'
# fill: leave no room in the pipe.
fill() {
    yes full | head -c 4000000 | dd of="$scratch/fifo" oflag=nonblock bs=5 2>/dev/null
}
fill
for _ in 1 2 3 4 5; do
    "$CORRAL" counter add /stuck >/dev/null
done
# The last, or, if the tool has not heard of that yet, one before it first.
timeout 60 sed -n '/^full$/d; p; /"value":"5"/q' <&3 >"$scratch/out"
is '... finds the last value, and how many it has missed' \
    "$(sed 's/.*"skipped":"\([0-9]*\)".*/\1/' "$scratch/out" | awk '{ n += $1 + 1 } END { print n, NR < 3 }')" '5 1'
fill
"$CORRAL" counter add /stuck >/dev/null
end TERM
is '... does not keep a signal from ending it' "$status" 143
exec 3<&-

if [ -c /dev/full ]; then
    status=0
    timeout 20 "$CORRAL" counter watch /pipe >/dev/full 2>"$scratch/err" || status=$?
    out='' err=$(cat "$scratch/err")
    judge 'a value that cannot be written' 6 '' 'cannot write to standard output: *'
fi

start=$(now_ms)
t '--timeout is for the first answer' 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
    --servers 127.0.0.1:1 --timeout 0.7 counter watch /x
elapsed=$(($(now_ms) - start))
if [ "$elapsed" -ge 700 ] && [ "$elapsed" -le 8000 ]; then ok '... and kept'; else not_ok '... and kept' "$elapsed ms"; fi
watch --timeout 5 counter watch /seen
see 1
sleep 5.5 # nothing can be waited for: it goes on
"$CORRAL" counter set /seen 3 >/dev/null
see 2
end INT
judge '... only for that' 130 '9223372036854775807
3' ''
watch --servers 127.0.0.1:1 counter watch /x
for _ in $(seq 200); do
    grep -q 'SigBlk:.*4003$' "/proc/$watcher/status" && break
    sleep 0.05
done
end INT
judge 'SIGINT before there is a server' 130 '' ''
t 'not a path' 2 '' 'x: not a znode path: *' counter watch x
t 'refused credentials' 4 '' '/x: the server refused the credentials' --auth no-such-scheme:x counter watch /x

# On a terminal: one line, written over.
if command -v script >/dev/null; then
    "$CORRAL" counter set /live 1 >/dev/null
    : >"$scratch/out"
    # shellcheck disable=SC2016
    PIDFILE=$scratch/pid env --default-signal=INT script -qec 'echo $$ >"$PIDFILE"; exec "$CORRAL" counter watch /live' /dev/null \
        </dev/null >"$scratch/out" 2>&1 &
    terminal=$!
    wait_for grep -q '1$' "$scratch/out"
    "$CORRAL" counter set /live 22 >/dev/null
    wait_for grep -q '22$' "$scratch/out"
    kill -INT "$(cat "$scratch/pid")"
    wait $terminal
    is 'on a terminal' "$(od -An -c "$scratch/out" | tr -s ' \n' ' ')" ' \r 033 [ K 1 \r 033 [ K 2 2 \r \n '
fi

finish
