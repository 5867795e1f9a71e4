#!/bin/sh
# `corral dev`: around a command, by itself, and what it leaves behind, which is nothing.
. "$(dirname "$0")/harness.sh"

TMPDIR=$scratch/tmp
mkdir "$TMPDIR"
export TMPDIR

# servers_of PID: the servers that this `corral dev` has started.
servers_of() {
    cat "/proc/$1/task/$1/children"
}

# all_gone NAME PID...: none of these processes is left, or will be within 5 s.
all_gone() {
    gone_name=$1
    shift
    for pid; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        not_ok "$gone_name" "process $pid lives"
        return
    done
    ok "$gone_name"
}

# wait_line FILE: until the file has a line; prints it.
wait_line() {
    for _ in $(seq 600); do
        if [ -s "$1" ]; then
            head -n 1 "$1"
            return
        fi
        sleep 0.1
    done
}

# shellcheck disable=SC2016
{
    t 'the command has CORRAL_SERVERS' 0 5 '' dev -- sh -c '"$CORRAL" counter add /hits 5'
    CORRAL_SERVERS=127.0.0.1:1 t '... in place of any other' 0 5 '' dev -- sh -c '"$CORRAL" counter add /hits 5'
    t "the command's status" 7 '' '' dev -- sh -c 'exit 7'
    t "the command's signal" 137 '' '' dev -- sh -c 'kill -KILL $$'
    t "the command's arguments" 0 '-a|b c|--json|' '' dev -- printf '%s|' -a 'b c' --json
    run sh -c 'echo words | "$CORRAL" dev -- cat'
    judge "the command's standard input" 0 words ''
    run "$CORRAL" dev -- sh -c 'trap "" PIPE; kill -PIPE $$; echo alive; trap - PIPE; kill -PIPE $$'
    judge "the command's SIGPIPE is as usual" 141 alive ''
}
t 'a -- before dev is none of its own' 0 yes '' -- dev -- echo yes
t 'a command that does not exist' 127 '' '/no/such/command: *' dev -- /no/such/command
t 'a command that cannot be executed' 126 '' "$scratch: *" dev -- "$scratch"
# shellcheck disable=SC2016
t 'three nodes' 0 "3 9" '' dev --nodes 3 -- sh -c \
    'echo "$(echo "$CORRAL_SERVERS" | tr , "\n" | wc -l) $("$CORRAL" counter add /hits 9)"'
is 'no data is left' "$(ls -A "$TMPDIR")" ''

# Whatever the directory for the data is called: it is used, and nothing beside it.
newline='
'
# shellcheck disable=SC2016,SC1003
for name in ' a b' 'ü' '\u0041\' "a${newline}b=c" "$(printf '\374')"; do
    shown=$(printf %s "$name" | LC_ALL=C tr '\n\200-\377' '?')
    mkdir -p "$scratch/odd/$name"
    cd "$scratch/odd/$name" || exit
    TMPDIR=$PWD LC_ALL=C t "TMPDIR is '$shown'" 0 'hits: 1 logs: 1' '' dev -- sh -c \
        'echo "hits: $("$CORRAL" counter add /hits) logs: $(ls corral-dev-*/0/data/version-2 | grep -c ^log)"'
    is "no data is left in '$shown'" "$(ls -A)" ''
    cd .. || exit
    rmdir "$name"
    is "no data is left beside '$shown'" "$(ls -A)" ''
    cd "$scratch" || exit
    rm -rf odd
done
mkdir "$TMPDIR/ü\\"
LC_ALL=C TMPDIR=$TMPDIR/ü\\ t 'three nodes in an odd place' 0 1 '' dev --nodes 3 -- "$CORRAL" counter add /hits
rmdir "$TMPDIR/ü\\"

"$CORRAL" dev >"$scratch/out" 2>"$scratch/err" &
dev=$!
servers=$(wait_line "$scratch/out")
matches 'the connect string' "$servers" '127.0.0.1:[0-9]*'
t 'it serves' 0 1 '' --servers "$servers" counter add /hits
pids=$(servers_of $dev)
kill -TERM $dev
wait $dev
is 'SIGTERM ends it' "$?$(cat "$scratch/err")" 0
# shellcheck disable=SC2086
all_gone 'its server is gone' $pids
is 'its data is gone' "$(ls -A "$TMPDIR")" ''

"$CORRAL" --json dev --nodes 3 >"$scratch/out.json" 2>"$scratch/err" &
dev=$!
matches '--json' "$(wait_line "$scratch/out.json")" \
    '{"servers":"127.0.0.1:*,127.0.0.1:*,127.0.0.1:*","directory":"'"$TMPDIR"'/corral-dev-??????"}'
pids=$(servers_of $dev)
is 'three servers run' "$(echo "$pids" | wc -w)" 3
is 'they do not wait for the disk' "$(cat "$TMPDIR"/corral-dev-*/?/zoo.cfg | grep -c '^forceSync=no$')" 3
kill -KILL $dev
wait $dev 2>/dev/null
# shellcheck disable=SC2086
all_gone 'none survives SIGKILL' $pids
rm -rf "$TMPDIR"/corral-dev-*

"$CORRAL" dev --disk >"$scratch/out.disk" 2>"$scratch/err" &
dev=$!
wait_line "$scratch/out.disk" >/dev/null
is '--disk' "$(grep '^forceSync=' "$TMPDIR"/corral-dev-*/0/zoo.cfg)" forceSync=yes
kill -TERM $dev
wait $dev

"$CORRAL" dev >"$scratch/out.dead" 2>"$scratch/err" &
dev=$!
wait_line "$scratch/out.dead" >/dev/null
# shellcheck disable=SC2046
kill -KILL $(servers_of $dev)
wait $dev
status=$? out='' err=$(cat "$scratch/err")
judge 'a server that dies is told' 4 '' 'ZooKeeper server 1 ended (signal 9)*'

# shellcheck disable=SC2016
"$CORRAL" dev -- sh -c 'trap "echo told; exit 9" TERM; echo ready; while :; do sleep 0.1; done' \
    >"$scratch/out.trap" 2>"$scratch/err" &
dev=$!
wait_line "$scratch/out.trap" >/dev/null
kill -TERM $dev
wait $dev
is 'SIGTERM is passed on' "$? $(tr '\n' ' ' <"$scratch/out.trap")" '9 ready told '

# Servers that never serve.
mkdir -p "$scratch/home/bin"
printf '#!/bin/sh\nexec sleep 600\n' >"$scratch/home/bin/java"
chmod +x "$scratch/home/bin/java"
JAVA_HOME=$scratch/home "$CORRAL" dev --nodes 3 >"$scratch/out" 2>"$scratch/err" &
dev=$!
for _ in $(seq 1200); do
    [ "$(servers_of $dev | wc -w)" -eq 3 ] && break
    sleep 0.05
done
pids=$(servers_of $dev)
kill -TERM $dev
status=0
wait $dev || status=$?
out=$(cat "$scratch/out") err=$(cat "$scratch/err")
judge 'SIGTERM while it starts' 143 '' 'dev: interrupted while ZooKeeper was starting'
# shellcheck disable=SC2086
all_gone 'no server is left then' $pids
is 'no data is left then' "$(ls -A "$TMPDIR")" ''

# Everything but java: before it is installed, CORRAL may be libtool's script.
mkdir "$scratch/bin"
ln -s /usr/bin/* "$scratch/bin"
rm -f "$scratch/bin/java"
JAVA_HOME='' PATH=$scratch/bin t 'no java' 4 '' 'dev: no java found on PATH*' dev
CORRAL_DEV_CLASSPATH=$scratch t 'no ZooKeeper' 4 '' \
    'dev: ZooKeeper server 1 ended (status 1): *ClassNotFoundException*' dev
TMPDIR=/no/such/place t 'no room for data' 4 '' 'dev: no temporary directory under /no/such/place: *' dev

finish
