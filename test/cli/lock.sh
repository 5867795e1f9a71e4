#!/bin/sh
# shellcheck disable=SC2016 # what is single-quoted is for the commands under the lock
# `lock` and `lock ls` beyond what flock(1) does: who holds and waits, the
# environment, signals, a lost lock, a killed tool.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server
DAWDLER=${DAWDLER:-$(find_built test/cli/dawdler)} || exit 1

cd "$scratch" || exit
mkfifo held go inner

# hold ARG...: in the background, with the signals of a program in front; returns when the command runs, which
# says so into $held.
hold() {
    env --default-signal=INT,QUIT "$CORRAL" lock "$@" >out 2>err &
    tool=$!
    pid=$(timeout 60 head -n 1 held) # if it does not, the test fails instead of waiting
}
# await_tool NAME STATUS OUT ERR: until it has ended.
await_tool() {
    status=0
    wait $tool || status=$?
    out=$(cat out) err=$(cat err)
    cp err "$scratch/err" 2>/dev/null
    judge "$@"
}
# The usual command: says its number, and stays until a line comes out of $go.
stay='exec 8<>go; echo $$ >held; read -r _ <&8'
# contenders LOCK COUNT: so many hold it or wait.
# shellcheck disable=SC2317
contenders() {
    [ "$("$CORRAL" lock ls "$1" | wc -l)" -eq "$2" ]
}
# shellcheck disable=SC2317
gone() {
    ! kill -0 "$1" 2>/dev/null
}
# is_gone NAME PID: that process has ended, or is about to.
is_gone() {
    if wait_for gone "$2"; then ok "$1"; else not_ok "$1" "process $2 lives"; fi
}

# ---- environment and descriptors ----
first=$("$CORRAL" lock /l sh -c 'echo $CORRAL_LOCK_TOKEN')
second=$(CORRAL_LOCK_TOKEN=7 CORRAL_LOCK_PATH=/else "$CORRAL" lock /l sh -c \
    'echo "$CORRAL_LOCK_TOKEN"; env | grep -c ^CORRAL_LOCK_; [ $CORRAL_LOCK_PATH = /l ]' | tr '\n' ' ')
matches 'the environment has a token' "$first" '[1-9]*'
is '... and nothing of a lock around it' "${second#* }" '2 '
if [ "${second%% *}" -gt "$first" ]; then ok '... that grows'; else not_ok '... that grows' "$first, then $second"; fi
t 'a lock within a lock' 0 '/in /out' '' lock /out sh -c \
    '"$CORRAL" lock /in sh -c "printf \"%s \" \$CORRAL_LOCK_PATH"; echo $CORRAL_LOCK_PATH'
is 'the command has no descriptor of ours' "$("$CORRAL" lock /l sh -c 'ls /proc/$$/fd' 7>&1 | tr '\n' ' ')" \
    "$(sh -c 'ls /proc/$$/fd' 7>&1 | tr '\n' ' ')"
run "$CORRAL" lock /l sh -c '[ -e /proc/$$/fd/0 ]' <&-
judge '... nor a standard input that was closed' 1 '' ''
t 'an option that the command has' 0 --json '' lock /l echo --json
t 'options of the tool' 0 yes '' --home /c --timeout 30 lock --auth digest:a:b /l echo yes

# ---- what cannot be run ----
t 'not found' 127 '' 'no-such-command: No such file or directory' lock /l no-such-command
t 'not executable' 126 '' '/etc/passwd: Permission denied' lock /l /etc/passwd
t 'not a directory on the way' 127 '' '/etc/passwd/x: Not a directory' lock /l /etc/passwd/x
t '... and the lock is free' 0 '' '' lock -n /l true
hold /l sh -c "$stay"
t 'it is looked up when the lock is held' 1 '' '' lock -n /l no-such-command
echo >go
await_tool 'the one who held it' 0 '' ''

# ---- out of reach, refused ----
for options in '--timeout 0.6' '-w 0.6' '-n --timeout 0.6'; do
    start=$(now_ms)
    # shellcheck disable=SC2086
    t "unreachable: $options" 123 '' '/l: timed out: cannot reach 127.0.0.1:1' --servers 127.0.0.1:1 lock $options /l true
    elapsed=$(($(now_ms) - start))
    if [ $elapsed -ge 600 ] && [ $elapsed -le 8000 ]; then ok '... in time'; else not_ok '... in time' "$elapsed ms"; fi
done
t 'unreachable: ls' 3 '' '/l: timed out: cannot reach 127.0.0.1:1' --servers 127.0.0.1:1 --timeout 0.6 lock ls /l
printf 'create /data 5\ncreate /closed "" world:anyone:r\ncreate /closed2 ""\n' | zk >/dev/null
t 'a znode with data' 122 '' '/data: holds data*' lock /data true
t 'a znode that is closed' 122 '' '/closed*: permission denied' lock /closed true
t 'credentials' 122 '' '/l: the server refused the credentials' --auth no-such-scheme:x lock /l true
t 'credentials: ls' 4 '' '/l: the server refused the credentials' --auth no-such-scheme:x lock ls /l
t '--naming mutex' 0 yes '' lock --naming mutex /mutex echo yes
t '--naming kazoo' 0 yes '' lock --naming kazoo -s /kazoo echo yes
hold --naming mutex /mutex sh -c "$stay"
t 'another kind of lock' 122 '' '/mutex: *another kind of lock (see --naming, --permits)' lock -n /mutex true
t 'another kind of lock: ls' 4 '' '/mutex: *another kind of lock (see --naming, --permits)' lock ls /mutex
matches 'its own kind: ls' "$("$CORRAL" lock ls --naming mutex /mutex)" "holds exclusive [0-9]* 0x[0-9a-f]* *@* $tool"
echo >go
wait $tool

# ---- who holds, who waits ----
t 'ls: nobody' 0 '' '' lock ls /ls
hold --label holder /ls sh -c "$stay"
"$CORRAL" lock --label 'a "reader"' -s /ls sh -c "$stay" &
reader=$!
wait_for contenders /ls 2
env --default-signal=INT "$CORRAL" lock --label "$(printf 'w\001\377\302\205ü')" /ls true &
writer=$!
wait_for contenders /ls 3
listed=$("$CORRAL" lock ls /ls)
is 'ls: one holds, two wait' "$(echo "$listed" | sed -E 's/ [0-9]+ 0x[0-9a-f]+ / T S /')" \
    'holds exclusive T S holder
waits shared T S a "reader"
waits exclusive T S w???ü'
json=$("$CORRAL" --json lock ls /ls)
is 'ls: --json has the same' "$(echo "$json" | sed -E \
    's/.*"state":"(.*)","mode":"(.*)","token":"([0-9]+)","session":"(0x[0-9a-f]+)".*/\1 \2 \3 \4/')" \
    "$(echo "$listed" | cut -d ' ' -f 1-4)"
matches 'ls: labels in JSON' "$(echo "$json" | sed -n '2,3s/.*"label":\(".*"\),"name".*/\1/p' | tr '\n' ' ')" \
    '"a \\"reader\\"" "w\\u0001\\ufffd*ü" '
t 'ls: options stand where they like' 0 "$json" '' lock --json ls --naming rw /ls
kill -INT $writer
status=0
wait $writer || status=$?
is 'a writer that is interrupted' "$status" 130
echo >go
read -r pid <held
wait $tool
is 'ls: the reader now holds it, alone' "$("$CORRAL" lock ls /ls | cut -d ' ' -f 1,2,5-)" 'holds shared a "reader"'
echo >go
wait $reader
is 'ls: nobody any more' "$("$CORRAL" lock ls /ls)" ''

# ---- a semaphore ----
# two_hold LOCK: two of its permits are taken, by $one and $two.
two_hold() {
    hold --permits 2 --label one "$1" sh -c "$stay"
    one=$tool
    hold --permits 2 --label two "$1" sh -c "$stay"
    two=$tool
}
two_hold /sem
t 'a third is busy' 1 '' '' lock --permits 2 -n /sem echo never
t '... -E' 75 '' '' lock --permits 2 -nE 75 /sem echo never
t '... -w' 1 '' '' lock --permits 2 -w 0.3 /sem echo never
"$CORRAL" lock --permits 2 --label three -w 60 /sem sh -c "$stay" &
three=$!
# shellcheck disable=SC2317
listed() {
    [ "$("$CORRAL" lock ls --permits 2 "$1" | wc -l)" -eq "$2" ]
}
wait_for listed /sem 3
"$CORRAL" lock --permits 2 --label four /sem true &
four=$!
wait_for listed /sem 4
is 'ls: two hold, two wait' "$("$CORRAL" lock ls --permits 2 /sem | cut -d ' ' -f 1,2,5-)" \
    'holds shared one
holds shared two
waits shared three
waits shared four'
is 'ls: --json has the same' "$("$CORRAL" --json lock ls --permits 2 /sem | sed -E \
    's/.*"state":"(.*)","mode":"(.*)","token".*"label":"(.*)","name".*/\1 \2 \3/')" \
    "$("$CORRAL" lock ls --permits 2 /sem | cut -d ' ' -f 1,2,5-)"
t 'another number of permits' 122 '' '/sem: *has not as many permits' lock --permits 3 -n /sem true
t 'another number of permits: ls' 4 '' '/sem: *has not as many permits' lock ls --permits 3 /sem
t 'a semaphore is no lock' 122 '' '/sem: *another kind of lock (see --naming, --permits)' lock -n /sem true
t 'a semaphore is no lock: ls' 4 '' '/sem: *another kind of lock (see --naming, --permits)' lock ls /sem
echo >go
read -r pid <held
is 'who waited has the permit that is free' "$("$CORRAL" lock ls --permits 2 /sem | grep -c '^holds.* three$')" 1
echo >go
wait $four
echo >go
wait $one $two $three
is 'ls: nobody has a permit any more' "$("$CORRAL" lock ls --permits 2 /sem)" ''
hold /nosem sh -c "$stay"
t 'a lock is no semaphore' 122 '' '/nosem: *another kind of lock*' lock --permits 1 -n /nosem true
echo >go
wait $tool
is '... and goes on' "$?" 0
t '... for others, too' 0 yes '' lock -n /nosem echo yes

# ---- whose labels may not be read ----
hold --auth digest:ann:secret --label mine /private sh -c "$stay"
name=$("$CORRAL" --json lock ls /private | sed 's/.*"name":"\([^"]*\)".*/\1/')
printf 'addauth digest ann:secret\nsetAcl /private/%s auth::cdrwa\n' "$name" | zk >/dev/null
whole=$("$CORRAL" --auth digest:ann:secret lock ls /private)
matches 'ls: with a label that we may read' "$whole" 'holds exclusive [1-9]* 0x[1-9a-f]* mine'
is 'ls: ... and may not' "$("$CORRAL" lock ls /private)" "${whole%mine}"
echo >go
wait $tool

# ---- a signal while waiting: nothing is left ----
hold /w sh -c "$stay"
holder=$tool
for signal in INT:130 TERM:143 HUP:129 QUIT:131 USR1:138; do
    env --default-signal=INT,QUIT "$CORRAL" lock /w echo never >out 2>err &
    tool=$!
    wait_for contenders /w 2
    kill -"${signal%:*}" $tool
    await_tool "SIG${signal%:*} while it waits" "${signal#*:}" '' ''
    is '... leaves no znode' "$("$CORRAL" lock ls /w | wc -l)" 1
done
env --default-signal=INT "$CORRAL" --servers 127.0.0.1:1 lock /w echo never >out 2>err &
tool=$!
wait_for grep -q 'SigBlk:.*[37bf]$' /proc/$tool/status
kill -INT $tool
await_tool 'SIGINT while there is no server' 130 '' ''
"$CORRAL" lock --timeout 0.3 /w echo patient >out 2>err &
tool=$!
wait_for contenders /w 2
sleep 0.5
echo >go
wait $holder
await_tool '--timeout is not for the lock' 0 patient ''

# ---- signals for the command ----
for signal in HUP INT QUIT TERM USR1 USR2 ALRM WINCH RTMIN; do
    hold /s sh -c "trap 'echo told; exit 5' $signal; $stay"
    kill -"$signal" $tool
    await_tool "SIG$signal for the command" 5 told ''
done
hold /s sh -c "trap : USR1; sh -c 'trap \"echo inner; exit\" USR1; $stay'; exit 3"
kill -USR1 $tool
await_tool 'a signal for all of its group' 3 inner ''
hold /s sh -c "$stay"
kill -INT $tool
await_tool 'a signal that ends the command' 130 '' ''
is '... and the lock is free' "$("$CORRAL" lock ls /s)" ''
hold /s sh -c "$stay"
kill -KILL "$pid"
await_tool 'a command that is killed' 137 '' ''
is '... and the lock is free' "$("$CORRAL" lock ls /s)" ''

# ---- a lost lock ----
# lose LOCK: the operator deletes what is there.
lose() {
    for name in $("$CORRAL" --json lock ls "$1" | sed 's/.*"name":"\([^"]*\)".*/\1/'); do
        echo "delete $1/$name"
    done | zk >/dev/null
}
# The number of the signals is the command's own word for having been told.
hold --grace 60 /lost sh -c "trap 'echo told; exit 0' TERM; $stay"
lose /lost
status=0
wait $tool || status=$?
is 'a lost lock: SIGTERM' "$status|$(cat out)" '120|told'
is '... and it is said' "$(cat err)" 'corral: /lost: the lock was lost: ending sh
corral: /lost: the lock was lost while sh ran'
start=$(now_ms)
hold --grace 0.5 /lost sh -c "trap 'echo told' TERM; $stay; while :; do read -r _ <&8; done"
lose /lost
status=0
wait $tool || status=$?
is 'a lost lock: SIGTERM, then SIGKILL' "$status|$(cat out)" '120|told'
is_gone '... and it is gone' "$pid"
hold --grace 60 /lost sh -c "exec 8<>go
    sh -c 'trap \"\" TERM; echo \$\$ >left; echo >inner; while :; do read -r _ <&8; done' 8<&8 &
    read -r _ <inner; $stay"
lose /lost
status=0
wait $tool || status=$?
is 'a lost lock: all of its group' "$status" 120
is_gone '... is gone with it' "$(cat left)"
t '... and the lock is free' 0 '' '' lock -n /lost true

DAWDLER_FIFO=held "$DAWDLER" lock /lost echo ran >out 2>err &
tool=$!
timeout 60 head -n 1 held >/dev/null
lose /lost
await_tool 'lost before the command is started' 120 '' '/lost: the lock was lost before echo was started'
t '... and the lock is free' 0 '' '' lock -n /lost true

# ---- a killed tool ----
hold /k sh -c "trap '' TERM INT HUP; $stay"
kill -KILL $tool
wait $tool
is_gone 'SIGKILL takes the command along' "$pid"
t '... its session keeps the lock' 1 '' '' lock -n /k true
t '... until it ends' 0 free '' lock -w 40 /k echo free

# ---- exclusion ----
echo 0 >count
for _ in 1 2 3 4; do
    for _ in $(seq 12); do
        "$CORRAL" lock /count sh -c 'read -r n <count; echo $((n + 1)) >count' || echo "failed: $?"
    done &
    eval "worker$((workers = ${workers:-0} + 1))=$!"
done
# shellcheck disable=SC2154
wait "$worker1" "$worker2" "$worker3" "$worker4"
is 'four at a file that has no lock of its own' "$(cat count)" 48

finish
