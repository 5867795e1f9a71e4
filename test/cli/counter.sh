#!/bin/sh
# The counter commands do what they say; ZooKeeper's own client sees the same.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

t 'add makes the counter' 0 5 '' counter add /hits 5
t 'add adds' 0 10 '' counter add /hits 5
t 'add takes 1 by itself' 0 11 '' counter add /hits
t 'add takes a negative number' 0 -1 '' counter add /hits -12
t 'add takes a number with its sign' 0 1 '' counter add /hits +2
t 'add takes an operand after --' 0 0 '' counter add -- /hits -1
t 'get' 0 0 '' counter get /hits
for level in local sync linearizable; do
    t "get --read $level" 0 0 '' counter get --read "$level" /hits
done
t 'set' 0 -3 '' counter set /hits -3
t 'set makes the counter' 0 7 '' counter set /made/by/set 7
t 'cas swaps' 0 4 '' counter cas /hits -3 4
t 'cas with another value: no, and the value' 1 4 '' counter cas /hits -3 5
t 'cas of negative numbers' 1 4 '' counter cas /hits -1 -2
t 'add makes the parents' 0 1 '' counter add /a/b/c/d/e
t 'the smallest number' 0 -9223372036854775808 '' counter set /smallest -9223372036854775808
t 'the largest number' 0 9223372036854775807 '' counter set /largest 9223372036854775807
t 'from one end to the other' 0 -1 '' counter add /smallest 9223372036854775807
long=/$(printf '%01022d' 0)
t 'a path as long as can be' 0 2 '' counter add "$long" 2
t 'a path that is not ASCII' 0 3 '' counter add '/häuser/zähler' 3

is "ZooKeeper's client reads the same" "$(zk <<EOF
get /hits
get /made/by/set
get /a/b/c/d/e
get /smallest
get /largest
get $long
EOF
)" '4
7
1
-1
9223372036854775807
2'

t 'get of an absent one: no' 1 '' '/absent: no such counter' counter get /absent
t 'get of one in an absent parent: no' 1 '' '/absent/x: no such counter' counter get /absent/x
t 'cas of an absent one: no' 1 '' '/absent: no such counter' counter cas /absent 0 1
t 'cas in an absent parent: no' 1 '' '/absent/x: no such counter' counter cas /absent/x 0 1
t 'rm of an absent one: no' 1 '' '/absent: no such counter' counter rm /absent
t 'rm' 0 '' '' counter rm /hits
t 'get after rm: no' 1 '' '/hits: no such counter' counter get /hits
t 'add after rm starts at 0' 0 1 '' counter add /hits
is 'absent ones were not made, removed ones are gone' "$(echo 'ls /' | zk | grep -o absent)" ''

t 'options before the command' 0 3 '' --timeout 5 --servers "$CORRAL_SERVERS" counter add /hits 2
t 'options in the command' 0 4 '' counter --timeout=5 add /hits --at-most-once
t 'a flag wins over CORRAL_SERVERS' 3 '' '/hits: *' --servers 127.0.0.1:1 --timeout 0.3 counter get /hits
CORRAL_TIMEOUT=0.3 t 'CORRAL_TIMEOUT' 3 '' '/hits: timed out*' --servers 127.0.0.1:1 counter get /hits
CORRAL_TIMEOUT=x t 'a flag wins over CORRAL_TIMEOUT' 0 4 '' --timeout 5 counter get /hits
CORRAL_TIMEOUT='' CORRAL_AUTH='' CORRAL_HOME='' t 'empty variables are none' 0 4 '' counter get /hits
for verb in 'set /amo 3:3' 'add /amo 2:5' 'cas /amo 5 6:6' 'get /amo:6' 'rm /amo:'; do
    # shellcheck disable=SC2086
    t "--at-most-once: ${verb%:*}" 0 "${verb##*:}" '' counter ${verb%:*} --at-most-once
done

# A chroot that does not exist is made by the first write; --home moves the house-keeping.
t 'a chroot' 0 8 '' --servers "$CORRAL_SERVERS/new/root" counter add /x 8
t 'an error names the path within the chroot' 1 '' '/y: no such counter' \
    --servers "$CORRAL_SERVERS/new/root" counter get /y
is 'the chroot holds it' "$(echo 'get /new/root/x' | zk)" 8
t '--home' 0 1 '' --home /elsewhere/home counter add /x
CORRAL_HOME=/other t 'CORRAL_HOME' 0 2 '' counter add /x
listing=$(echo 'ls /' | zk)
matches '--home was used' "$listing" '*elsewhere*'
matches 'CORRAL_HOME was used' "$listing" '*other*'

stamp='"czxid":"[0-9]+","mzxid":"[0-9]+","version":[0-9]+,"index":0'
# json NAME STATUS PATTERN ARG...: --json prints one line that matches the extended expression.
json() {
    json_name=$1 json_status=$2 json_pattern=$3
    shift 3
    run "$CORRAL" --json "$@"
    if [ "$status" = "$json_status" ] && [ -z "$err" ] && [ "$(printf '%s\n' "$out" | wc -l)" -eq 1 ] &&
        printf '%s\n' "$out" | grep -Eqx "$json_pattern"; then
        ok "$json_name"
    else
        not_ok "$json_name" "exit status $status" "stdout: $out" "expected: $json_pattern" "stderr: $err"
    fi
}
json '--json add' 0 "\{\"path\":\"/j\",\"value\":\"9007199254740993\",$stamp\}" counter add /j 9007199254740993
json '--json get' 0 "\{\"path\":\"/j\",\"value\":\"9007199254740993\",$stamp\}" counter get /j
json '--json set' 0 "\{\"path\":\"/j\",\"value\":\"-2\",\"previous\":\"9007199254740993\",$stamp\}" counter set /j -2
json '--json cas' 0 "\{\"path\":\"/j\",\"swapped\":true,\"value\":\"3\",$stamp\}" counter cas /j -2 3
json '--json cas: no' 1 '\{"path":"/j","swapped":false,"value":"3"\}' counter cas /j -2 4
json '--json rm' 0 '\{"path":"/j","removed":true\}' counter rm /j
json '--json set of a new one' 0 "\{\"path\":\"/j\",\"value\":\"1\",\"previous\":\"0\",$stamp\}" counter set /j 1
# shellcheck disable=SC1003
json '--json escapes' 0 "\{\"path\":\"/q\\\\\"\\\\\\\\\",\"value\":\"1\",$stamp\}" counter add '/q"\'
t '--json: errors stay text' 1 '' '/absent: no such counter' --json counter get /absent

status=0
"$CORRAL" counter add /hits >/dev/full 2>"$scratch/err" || status=$?
out='' err=$(cat "$scratch/err")
judge 'a result that cannot be written' 6 '' 'cannot write to standard output: *'
t '... was done' 0 5 '' counter get /hits

# Processes that count at the same time: nothing lost, nothing twice.
: >"$scratch/values"
workers=
for worker in 1 2 3 4; do
    (
        for round in 1 2 3 4 5; do
            "$CORRAL" --timeout 60 counter add /crowd || echo "worker $worker failed in round $round"
        done >"$scratch/values.$worker" 2>&1
    ) &
    workers="$workers $!"
done
# shellcheck disable=SC2086
wait $workers
is 'a crowd gets every number once' "$(sort -n "$scratch"/values.* | tr '\n' ' ')" "$(seq 20 | tr '\n' ' ')"
is "the crowd's total" "$(echo 'get /crowd' | zk)" 20

finish
