#!/bin/sh
# `id next` of every kind, through the same table.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

# lines FILE: how many there are, and how many of them differ.
lines() {
    echo "$(wc -l <"$1") $(sort -u "$1" | wc -l)"
}

for kind in sequence block znode snowflake; do
    path=/kinds/$kind
    run "$CORRAL" id next --kind $kind "$path"
    matches "$kind: one, of a new path" "$status$err|$out" '0|[0-9]*'
    first=$out
    matches "$kind: the znode says what it is" "$(echo "get $path" | zk)" "ids $kind ???????????????? *"
    run "$CORRAL" id next "$path"
    matches "$kind: another one, of the path's own kind" "$status$err|$out" '0|[0-9]*'
    is "$kind: the later one is greater" "$([ "$out" -gt "$first" ] && echo yes)" yes
    "$CORRAL" id next -n 5000 --kind $kind "$path" >"$scratch/many"
    is "$kind: many, all different" "$(lines "$scratch/many")" '5000 5000'
    is "$kind: in increasing order" "$(sort -nc "$scratch/many" && echo yes)" yes
    "$CORRAL" id next -n 5000 --text "$path" >"$scratch/text"
    is "$kind: as text they sort, too" "$(LC_ALL=C sort -cu "$scratch/text" && echo yes)" yes
    run "$CORRAL" id next --json "$path"
    matches "$kind: --json" "$status$err|$out" "0|{\"path\":\"$path\",\"id\":\"[0-9]*\",\"text\":\"?????????????\"}"
    for i in 1 2 3; do
        "$CORRAL" id next -n 2000 "$path" >"$scratch/part.$i" &
    done
    wait
    sort -m "$scratch/many" "$scratch"/part.? >"$scratch/all"
    is "$kind: three at a time, and none twice" "$(lines "$scratch/all")" '11000 11000'
    rm -f "$scratch/status"
    {
        "$CORRAL" id next -n 1000000000000000000 "$path" 2>"$scratch/err"
        echo $? >"$scratch/status"
    } | head -n 1 >"$scratch/out"
    wait_for test -s "$scratch/status"
    matches "$kind: a reader that has seen enough" "$(cat "$scratch/status" "$scratch/err" "$scratch/out" | tr '\n' ' ')" \
        '141 [0-9]* '
    for other in sequence block znode snowflake; do
        [ $other = $kind ] || t "$kind: is no $other" 4 '' "$path: is a generator of another kind*" id next --kind $other "$path"
    done
done

# A lease is as great as what is wanted, and no greater.
"$CORRAL" id next --kind block -n 1234 /blocks >/dev/null
matches 'block: leases what is wanted' "$(echo 'get /blocks' | zk)" 'ids block * 1234'
"$CORRAL" id next -n 1000000 /blocks >"$scratch/million"
is 'block: a million are what seq(1) prints' "$(seq 1235 1001234 | cmp - "$scratch/million" && echo yes)" yes
matches 'block: ... in one lease' "$(echo 'get /blocks' | zk)" 'ids block * 1001234'
"$CORRAL" id next -n 1500000 /blocks >"$scratch/more"
is 'block: more than a lease should have' "$(lines "$scratch/more")" '1500000 1500000'
matches 'block: ... wastes none' "$(echo 'get /blocks' | zk)" 'ids block * 2501234'

# Snowflakes are what they say.
before=$(date +%s)
id=$("$CORRAL" id next --kind snowflake --epoch 1600000000000 --worker-bits 5 --sequence-bits 8 /flakes)
run "$CORRAL" id decode --path /flakes "$id"
is 'snowflake: decoded by its generator' "$status$err" 0
time=$(date -d "$(echo "$out" | cut -d ' ' -f 3)" +%s)
is 'snowflake: made when it was' "$([ "$time" -ge $((before - 1)) ] && [ "$time" -le "$(date +%s)" ] && echo yes)" yes
is 'snowflake: decoded by its layout' \
    "$("$CORRAL" id decode --epoch 1600000000000 --worker-bits 5 --sequence-bits 8 "$id")" "$out"
t 'snowflake: another epoch' 4 '' '/flakes: is a generator of another kind, or with another layout*' \
    id next --kind snowflake --epoch 1600000000001 --worker-bits 5 --sequence-bits 8 /flakes

# One bit makes two workers; they stream to pipes that nobody reads.
for i in 1 2; do
    mkfifo "$scratch/fifo.$i"
    "$CORRAL" id next --kind snowflake --worker-bits 1 --label "holder $i" -n 1000000000 /few >"$scratch/fifo.$i" &
    eval "worker$i=$!"
done
exec 3<"$scratch/fifo.1" 4<"$scratch/fifo.2"
IFS= read -r _ <&3
IFS= read -r _ <&4
t 'snowflake: all workers are taken' 3 '' '/few*: the numbers of all 2 workers are taken, by: holder ?, holder ?' --timeout 1 id next /few
exec 3<&- 4<&-
# shellcheck disable=SC2154
wait "$worker1" "$worker2"
run "$CORRAL" id next /few
matches 'snowflake: ... and given back' "$status$err|$out" '0|[0-9]*'

finish
