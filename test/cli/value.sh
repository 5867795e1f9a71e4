#!/bin/sh
# The value commands: bytes go in and come out as they are; ZooKeeper's own client sees the same.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

# mzxid PATH: that of the last change, as ZooKeeper's own client has it.
mzxid() {
    echo "stat $1" | zk | sed -n 's/^mZxid = 0x/0x/p' | xargs printf '%d'
}
# holds NAME PATH FILE: the value is what the file has, byte for byte.
holds() {
    status=0
    "$CORRAL" value get "$2" >"$scratch/got" 2>"$scratch/err" || status=$?
    if [ "$status" = 0 ] && [ ! -s "$scratch/err" ] && cmp -s "$scratch/got" "$3"; then
        ok "$1"
    else
        not_ok "$1" "exit status $status" "$(wc -c <"$scratch/got") bytes, expected $(wc -c <"$3")" "$(cat "$scratch/err")"
    fi
}

t 'get of an absent one: no' 1 '' '/absent: no such value' value get /absent
run "$CORRAL" value set /a/b/limits 'max=7 '
judge 'set makes it, and its parents' 0 "$(mzxid /a/b/limits)" ''
printf 'max=7 ' >"$scratch/expected"
holds 'get gives it back, and no newline' /a/b/limits "$scratch/expected"
is "ZooKeeper's client reads the same" "$(echo 'get /a/b/limits' | zk)" 'max=7 '
for level in local sync linearizable; do
    t "get --read $level" 0 'max=7 ' '' value get --read "$level" /a/b/limits
done
first=$(mzxid /a/b/limits)
t 'get --mzxid' 0 "$first
max=7 " '' value get --mzxid /a/b/limits

# In every shape that bytes come in.
: >"$scratch/empty"
printf '\n' >"$scratch/newline"
printf 'one\ntwo' >"$scratch/unended"
printf 'a\0b\377\n\n' >"$scratch/binary"
head -c 1024000 /dev/urandom >"$scratch/longest"
for shape in empty newline unended binary longest; do
    run "$CORRAL" value set /shape - <"$scratch/$shape"
    judge "set from standard input: $shape" 0 "$(mzxid /shape)" ''
    holds "... and back: $shape" /shape "$scratch/$shape"
done
before=$(mzxid /shape)
head -c 1024001 /dev/zero >"$scratch/longer"
run "$CORRAL" value set /shape - <"$scratch/longer"
judge 'a byte too many' 4 '' '/shape: the value would have more than 1024000 bytes; left as it is'
run "$CORRAL" value cas /shape "$before" - <"$scratch/longer"
judge '... of cas' 4 '' '/shape: the value would have more than 1024000 bytes; left as it is'
holds '... and nothing is changed' /shape "$scratch/longest"
is '... nor written' "$(mzxid /shape)" "$before"
run timeout 60 "$CORRAL" value set /endless - </dev/zero
judge 'what does not end is refused' 4 '' '/endless: the value would have more than 1024000 bytes; left as it is'
t '... and is not made' 1 '' '/endless: no such value' value get /endless
run "$CORRAL" value set /shape ''
judge 'an empty argument' 0 "$(mzxid /shape)" ''
holds '... is an empty value' /shape "$scratch/empty"
run "$CORRAL" value set /shape -7
judge 'what looks like a number' 0 "$(mzxid /shape)" ''
run "$CORRAL" value set /shape -- --json
judge 'what looks like an option, after --' 0 "$(mzxid /shape)" ''
t '... is the value' 0 --json '' value get /shape

# cas: over what was seen, and nothing else.
run "$CORRAL" value cas /a/b/limits "$first" 'max=8'
second=$(mzxid /a/b/limits)
judge 'cas over the change that was seen' 0 "$second" ''
t 'cas over an earlier one: no, and which is the last' 1 "$second" '' value cas /a/b/limits "$first" 'max=9'
t 'cas as if there were none: no' 1 "$second" '' value cas /a/b/limits 0 'max=9'
t '... nothing is changed' 0 'max=8' '' value get /a/b/limits
t 'cas of an absent one: no' 1 '' '/absent: no such value' value cas /absent "$second" x
run "$CORRAL" value cas /made/by/cas 0 - <"$scratch/binary"
judge 'cas 0 makes it' 0 "$(mzxid /made/by/cas)" ''
holds '... with what standard input has' /made/by/cas "$scratch/binary"
seen=$("$CORRAL" value get --mzxid /a/b/limits)
echo 'set /a/b/limits max=8' | zk >/dev/null
run "$CORRAL" value cas /a/b/limits "${seen%%
*}" 'max=10'
judge 'the same bytes, written by another: no' 1 "$(mzxid /a/b/limits)" ''

t 'rm' 0 '' '' value rm /made/by/cas
t 'rm of an absent one: no' 1 '' '/made/by/cas: no such value' value rm /made/by/cas
t 'rm of one with children' 4 '' '/made: has children; left as it is' value rm /made

stamp='"czxid":"[0-9]+","mzxid":"[0-9]+","version":[0-9]+,"index":0'
# json NAME STATUS PATTERN ARG...: --json prints one line that matches the extended expression.
json() {
    json_name=$1 json_status=$2 json_pattern=$3
    shift 3
    run "$CORRAL" --json "$@"
    if [ "$status" = "$json_status" ] && [ -z "$err" ] && printf '%s\n' "$out" | grep -Eqx "$json_pattern" &&
        [ "$(printf '%s\n' "$out" | wc -l)" -eq 1 ]; then
        ok "$json_name"
    else
        not_ok "$json_name" "exit status $status" "stdout: $out" "expected: $json_pattern" "stderr: $err"
    fi
}
json '--json set' 0 "\{\"path\":\"/j\",$stamp\}" value set /j 'say "ä"'
json '--json get' 0 "\{\"path\":\"/j\",\"value\":\"say \\\\\"ä\\\\\"\",\"length\":8,$stamp\}" value get /j
json '--json cas' 0 "\{\"path\":\"/j\",\"swapped\":true,$stamp\}" value cas /j "$(mzxid /j)" ''
json '--json cas: no' 1 "\{\"path\":\"/j\",\"swapped\":false,\"czxid\":\"[0-9]+\",\"mzxid\":\"$(mzxid /j)\",\"version\":1,\"index\":0\}" \
    value cas /j 5 x
json '--json get of an empty one' 0 "\{\"path\":\"/j\",\"value\":\"\",\"length\":0,$stamp\}" value get /j
for bytes in '\0:AA==' '\377a:/2E=' '\377ab:/2Fi' '\377\376\375\374://79/A=='; do
    # shellcheck disable=SC2059
    printf "${bytes%%:*}" | "$CORRAL" value set /j - >/dev/null
    case $bytes in
    '\0:'*) json '--json get of a zero byte' 0 "\{\"path\":\"/j\",\"value\":\"\\\\u0000\",\"length\":1,$stamp\}" value get /j ;;
    *) json "--json get of what is no UTF-8: ${bytes%%:*}" 0 \
        "\{\"path\":\"/j\",\"value_base64\":\"${bytes#*:}\",\"length\":[234],$stamp\}" value get /j ;;
    esac
done
run "$CORRAL" value set /shape - <"$scratch/longest"
"$CORRAL" --json value get /shape | sed 's/.*"value_base64":"//; s/".*//' | base64 -d | cmp -s - "$scratch/longest"
is '--json get of a megabyte' $? 0

json '--json rm' 0 '\{"path":"/j","removed":true\}' value rm /j

status=0
"$CORRAL" value get /shape >/dev/full 2>"$scratch/err" || status=$?
out='' err=$(cat "$scratch/err")
judge 'a value that cannot be written' 6 '' 'cannot write to standard output: *'

# A reader that reads nothing does not keep a signal from ending it.
mkfifo "$scratch/fifo"
env --default-signal=INT "$CORRAL" value get /shape >"$scratch/fifo" 2>"$scratch/err" &
tool=$!
exec 3<"$scratch/fifo"
head -c 1 <&3 >/dev/null
kill -INT $tool
status=0
wait $tool || status=$?
exec 3<&-
is 'a signal while a long value is written' "$status" 130

# Processes that append lines, each over what it has seen: none is lost. Nobody is overtaken more than nine times.
for worker in 1 2 3 4; do
    (
        round=0
        for _ in $(seq 100); do
            [ "$round" -lt 3 ] || break
            seen=$("$CORRAL" value get --mzxid /list 2>/dev/null; echo .)
            case $seen in
            .) at=0 lines='' ;;
            *) at=${seen%%
*} lines=${seen#*
} lines=${lines%.} ;;
            esac
            if printf '%s%s.%s\n' "$lines" "$worker" "$round" | "$CORRAL" value cas /list "$at" - >/dev/null 2>&1; then
                round=$((round + 1))
            fi
        done
    ) &
    workers="${workers:-} $!"
done
# shellcheck disable=SC2086
wait $workers
is 'a crowd that swaps loses nothing' "$("$CORRAL" value get /list | sort | tr '\n' ' ')" \
    '1.0 1.1 1.2 2.0 2.1 2.2 3.0 3.1 3.2 4.0 4.1 4.2 '

finish
