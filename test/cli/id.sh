#!/bin/sh
# `id next` gives out IDs, `id decode` takes them apart. Kinds but sequences: id_kinds.sh.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

t 'next makes a sequence' 0 1 '' id next /orders
t 'next goes on' 0 2 '' id next /orders
t 'next -n' 0 '3
4
5' '' id next -n 3 /orders
t 'next --count, before the path' 0 6 '' id next --count=1 /orders
t 'next makes the parents' 0 1 '' id next /a/b/c/d
t 'next --kind sequence' 0 7 '' id next --kind sequence /orders
t 'a label is nothing to a sequence' 0 8 '' id next --label me /orders
t 'next --text' 0 '0000000000009
000000000000A' '' id next --text -n 2 /orders
t 'next --json' 0 '{"path":"/orders","id":"11","text":"000000000000B"}
{"path":"/orders","id":"12","text":"000000000000C"}' '' id next --json -n 2 /orders
t 'a path that --json must escape' 0 '{"path":"/\"q\"","id":"1","text":"0000000000001"}' '' id next --json '/"q"'
t 'next in a chroot' 0 1 '' --servers "$CORRAL_SERVERS/some/root" id next /orders
matches 'the znode says what it is' "$(echo 'get /orders' | zk)" 'ids sequence ???????????????? 12'

# Many: each once, in order, in whatever portions they come; from where the digits get more, and over
# several buffers.
printf 'create /digits "ids sequence 6f1d0c2be1a94d7e 99999899990"\n' | zk >/dev/null
"$CORRAL" id next -n 300000 /digits >"$scratch/many"
is 'many are what seq(1) prints' "$(seq -f %.0f 99999899991 100000199990 | cmp - "$scratch/many" && wc -l <"$scratch/many")" 300000
is 'many as text are sorted' "$("$CORRAL" id next --text -n 20000 /digits | LC_ALL=C sort -cu && echo sorted)" sorted
is 'many with --json are all there' "$("$CORRAL" id next --json -n 20000 /digits |
    grep -cE '^\{"path":"/digits","id":"1000002[0-9]{5}","text":"[0-9A-Z]{13}"\}$')" 20000
"$CORRAL" id next -n 1000 /gaps >"$scratch/gaps.1" &
"$CORRAL" id next -n 1000 /gaps >"$scratch/gaps.2" &
"$CORRAL" id next -n 1000 /gaps >"$scratch/gaps.3"
wait
is 'three at a time: no number twice, none left out' "$(sort -n "$scratch"/gaps.* | cmp - "$scratch/many" 2>&1 |
    grep -c differ) $(sort -n "$scratch"/gaps.* | uniq | wc -l) $(sort -n "$scratch"/gaps.* | tail -n 1)" '1 3000 3000'

# Streaming: the first ones come at once, however many are wanted, and who has seen enough ends it.
# streamed NAME FIRST ARG...
streamed() {
    streamed_name=$1 streamed_first=$2
    shift 2
    rm -f "$scratch/status"
    {
        status=0
        "$CORRAL" "$@" 2>"$scratch/err" || status=$?
        echo $status >"$scratch/status"
    } | head -n 1 >"$scratch/out"
    wait_for test -s "$scratch/status"
    status=$(cat "$scratch/status") out=$(cat "$scratch/out") err=$(cat "$scratch/err")
    judge "$streamed_name" 141 "$streamed_first" ''
}
streamed 'a reader that has seen enough' 1 id next -n 1000000000000000000 /stream
streamed '... of text' 0000000000001 id next --text -n 1000000000000000000 /stream/text
streamed '... of JSON' '{"path":"/stream/json","id":"1","text":"0000000000001"}' \
    id next --json -n 1000000000000000000 /stream/json

# A reader that stops: a signal ends it all the same.
mkfifo "$scratch/fifo"
for signal in INT:130 TERM:143; do
    env --default-signal=INT "$CORRAL" id next -n 1000000000000000000 "/stuck${signal%:*}" >"$scratch/fifo" 2>"$scratch/err" &
    tool=$!
    exec 3<"$scratch/fifo"
    IFS= read -r line <&3
    is "SIG${signal%:*}: the first one comes at once" "$line" 1
    kill -"${signal%:*}" $tool
    status=0
    wait $tool || status=$?
    exec 3<&-
    # While it wrote, or while it asked for more before the pipe was full.
    is "SIG${signal%:*} ends a stream" "$status $(grep -cv "^corral: /stuck${signal%:*}: interrupted" "$scratch/err")" \
        "${signal#*:} 0"
done
if [ -c /dev/full ]; then
    for form in '' --text --json; do
        status=0
        # shellcheck disable=SC2086
        timeout 20 "$CORRAL" id next -n 1000000000000000000 $form /full >/dev/full 2>"$scratch/err" || status=$?
        out='' err=$(cat "$scratch/err")
        judge "IDs that cannot be written${form:+, $form}" 6 '' 'cannot write to standard output: *'
    done
fi

# What is refused is left as it is.
zk >/dev/null <<'EOF'
create /empty
create /letters "ids of mine"
create /upper "ids sequence 6F1D0C2BE1A94D7E 1"
create /ended "ids sequence 6f1d0c2be1a94d7e 9223372036854775806"
create /blocks "ids block 6f1d0c2be1a94d7e 1000"
create /flakes "ids snowflake 6f1d0c2be1a94d7e 1600000000000 5 8 0"
create /readonly "ids sequence 6f1d0c2be1a94d7e 1" world:anyone:r
create /unreadable "ids sequence 6f1d0c2be1a94d7e 1" world:anyone:cdwa
create /closed "" world:anyone:r
EOF
"$CORRAL" counter set /counter 5 >/dev/null
"$CORRAL" lock /lock true
for path in /counter /lock /empty /letters /upper; do
    t "no generator: $path" 4 '' "$path: holds no ID generator; left as it is" id next "$path"
    t "no generator to decode by: $path" 4 '' "$path: holds no ID generator" id decode --path "$path" 1
done
t 'another kind' 4 '' '/orders: is a generator of another kind*' id next --kind block /orders
t 'another kind still' 4 '' '/blocks: is a generator of another kind*' id next --kind sequence /blocks
t 'another layout' 4 '' '/flakes: is a generator of another kind, or with another layout*' \
    id next --kind snowflake --epoch 1600000000000 --worker-bits 5 --sequence-bits 9 /flakes
t 'the default layout is another one, too' 4 '' '/flakes: is *' id next --kind snowflake /flakes
t 'the last one, then no more' 4 9223372036854775807 '/ended: there are no numbers left' id next -n 2 /ended
t '... and that was the last' 4 '' '/ended: there are no numbers left' id next /ended
t 'no permission to write' 4 '' '/readonly: permission denied' id next /readonly
t 'no permission to read' 4 '' '/unreadable: permission denied' id next /unreadable
t 'no permission to make it' 4 '' '/closed*: permission denied' id next /closed/x
is 'what was refused is as it was' "$(zk <<'EOF' | tr '\n' ' '
get /counter
get /letters
get /blocks
get /readonly
EOF
)" '5 ids of mine ids block 6f1d0c2be1a94d7e 1000 ids sequence 6f1d0c2be1a94d7e 1 '

# No server, no answer, lost replies.
t 'no server' 3 '' '/x: timed out: cannot reach 127.0.0.1:1' --servers 127.0.0.1:1 --timeout 0.3 id next /x
t 'no server to decode by' 3 '' '/x: timed out: cannot reach 127.0.0.1:1' \
    --servers 127.0.0.1:1 --timeout 0.3 id decode --path /x 1
FAULTPROXY=${FAULTPROXY:-$(find_built test/cli/faultproxy)} || exit 1
for fault in before after; do
    "$CORRAL" id next "/lost/$fault" >/dev/null
    run "$FAULTPROXY" $fault "/lost/$fault" "$CORRAL" id next "/lost/$fault"
    judge "connection lost $fault the server" 0 2 ''
    t '... no number is wasted' 0 3 '' id next "/lost/$fault"
done
"$CORRAL" id next /silent >/dev/null
run "$FAULTPROXY" silence /silent "$CORRAL" --timeout 0.7 id next /silent
judge 'no reply: not now, and no harm' 3 '' '/silent: timed out'
t '... but a number that is wasted' 0 3 '' id next /silent
"$CORRAL" id next /int >/dev/null
# taken PATH NUMBER: the generator has come to it.
# shellcheck disable=SC2317
taken() {
    echo "get $1" | zk | grep -q "^ids .* $2\$"
}
# shellcheck disable=SC2016
PIDFILE=$scratch/pid "$FAULTPROXY" silence /int sh -c \
    'echo $$ >"$PIDFILE"; exec env --default-signal=INT "$CORRAL" --timeout 60 id next "$0"' /int >"$scratch/out" 2>"$scratch/err" &
proxied=$!
wait_for taken /int 2
kill -INT "$(cat "$scratch/pid")"
status=0
wait $proxied || status=$?
out=$(cat "$scratch/out") err=$(cat "$scratch/err")
judge 'interrupted while the reply is awaited' 130 '' '/int: interrupted'

# Decoding, without a server: ID = (ms since the epoch) << (worker + sequence bits) | worker << sequence bits | sequence.
servers=$CORRAL_SERVERS
CORRAL_SERVERS=127.0.0.1:1
t 'the first of all' 0 '0 0000000000000 2024-01-01T00:00:00.000Z 0 0' '' id decode 0
t 'the last of all' 0 '9223372036854775807 7ZZZZZZZZZZZZ 2093-09-06T15:47:35.551Z 1023 4095' '' \
    id decode 9223372036854775807
# 1 << 22 | 2 << 12 | 3; 86400001 << 22 | 1023 << 12 | 0
t 'a ms, worker 2, sequence 3' 0 '4202499 0000000040803 2024-01-01T00:00:00.001Z 2 3' '' id decode 4202499
t 'the day after, as number and as text' 0 '362387873984512 000A9JW07ZW00 2024-01-02T00:00:00.001Z 1023 0
362387873984512 000A9JW07ZW00 2024-01-02T00:00:00.001Z 1023 0' '' id decode 362387873984512 000A9JW07ZW00
t 'text as people write it' 0 '1057 0000000000111 2024-01-01T00:00:00.000Z 0 1057' '' id decode oooOOO0000iLl
# 1000 << 3 | 1 << 1 | 1, from 1970-01-01T00:00:01 on
t 'another layout' 0 '8003 00000000007T3 1970-01-01T00:00:02.000Z 1 1' '' \
    id decode --epoch 1000 --worker-bits 2 --sequence-bits 1 8003
t 'digits alone are a number' 0 '1000000000000 00000X3AAA400 2024-01-01T00:03:58.418Z 593 0' '' id decode 1000000000000
t '... unless they begin with 0, and are 13' 0 '40 0000000000018 2024-01-01T00:00:00.000Z 0 40' '' id decode 0000000000018
t '... or --text says so' 0 '1152921504606846976 1000000000000 2032-09-16T10:58:26.944Z 0 0' '' \
    id decode --text 1000000000000
t 'decode --json' 0 '{"id":"4202499","text":"0000000040803","time":"2024-01-01T00:00:00.001Z","time_ms":"1704067200001","worker":2,"sequence":3}' '' \
    id decode --json 4202499
for word in -1 +1 x '' 1x ' 1' 1.5 0x10 000000000000U 8000000000000 0000000000000Z ZZZZZZZZZZZZZ 0000000000-00; do
    t "not an ID: '$word'" 2 '' "not an ID: $word" id decode --text 0000000000000 "$word"
done
for word in -1 +1 x '' 1x ' 1' 000000000000U; do
    t "neither number nor text: '$word'" 2 '' "not an ID: $word" id decode 1 "$word"
done
t 'not an ID: beyond 2^63' 2 '' 'ID is out of the range *: 9223372036854775808' id decode 1 9223372036854775808

# ... and by what a generator says.
CORRAL_SERVERS=$servers
t 'decode by a sequence: both spellings' 0 '31 000000000000Z
4202499 0000000040803' '' id decode --path /orders 31 0000000040803
t '... --json' 0 '{"id":"31","text":"000000000000Z"}' '' id decode --json --path /orders 31
# 1000 << 13 | 3 << 8 | 255, from 2020-09-13T12:26:40 on
t 'decode by a snowflake' 0 '8193023 000000007T0ZZ 2020-09-13T12:26:41.000Z 3 255' '' id decode --path /flakes 8193023
t 'decode by nothing: no' 1 '' '/absent/x: no such generator' id decode --path /absent/x 1
t '... which was not made' 1 '' '/absent: no such counter' counter get /absent
t 'decode by two layouts' 2 '' 'with --path, there is no *' id decode --path /flakes --worker-bits 5 1

finish
