# shellcheck shell=sh
# What the shell tests of the tool share; to be sourced. POSIX sh.
#
# CORRAL: the tool (default: where the build leaves it). A test that calls
# need_server runs under a ZooKeeper of its own, never on the user's.

set -u
unset CORRAL_AUTH CORRAL_HOME CORRAL_TIMEOUT

here=$(cd "$(dirname "$0")" && pwd)

# find_built NAME PLACE...: the first PLACE, relative to the build or the source tree, with a program there.
find_built() {
    for place in "$PWD/$1" "$here/../../$1"; do
        if [ -x "$place" ]; then
            printf '%s\n' "$place"
            return
        fi
    done
    echo "$0: $1 has not been built" >&2
    exit 1
}

CORRAL=${CORRAL:-$(find_built corral)} || exit 1
export CORRAL

zkcli=/usr/share/zookeeper/bin/zkCli.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
passed=0
failed=0

# need_server [OPTION...]: run the rest of the script under `corral dev OPTION...`.
need_server() {
    if [ -z "${CORRAL_TEST_SERVED:-}" ]; then
        rm -rf "$scratch"
        CORRAL_TEST_SERVED=yes exec "$CORRAL" dev "$@" -- sh "$0"
    fi
    unset CORRAL_TEST_SERVED
}

ok() {
    passed=$((passed + 1))
    echo "ok - $1"
}

# not_ok NAME [DETAIL...]
not_ok() {
    failed=$((failed + 1))
    echo "not ok - $1"
    shift
    printf '%s\n' "$@" | sed 's/^/#   /'
}

# is NAME ACTUAL EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        not_ok "$1" "got:      $2" "expected: $3"
    fi
}

# matches NAME ACTUAL PATTERN: as a case pattern
matches() {
    # shellcheck disable=SC2254
    case $2 in
    $3) ok "$1" ;;
    *) not_ok "$1" "got:      $2" "expected: $3" ;;
    esac
}

# run PROGRAM ARG...: sets out, err and status.
run() {
    status=0
    out=$("$@" 2>"$scratch/err") || status=$?
    err=$(cat "$scratch/err")
}

# judge NAME STATUS OUT ERR: the last run exited and printed so. ERR is a case
# pattern of what follows "corral: ", in one line; empty: nothing on stderr.
judge() {
    judge_pattern=${4:+corral: $4} judge_lines=${4:+1}
    if [ "$status" != "$2" ]; then
        not_ok "$1" "exit status $status, expected $2" "stdout: $out" "stderr: $err"
    elif [ "$out" != "$3" ]; then
        not_ok "$1" "stdout: $out" "expected: $3" "stderr: $err"
    elif [ "$(wc -l <"$scratch/err")" -ne "${judge_lines:-0}" ]; then
        not_ok "$1" "stderr, expected ${judge_lines:-no} line: $err"
    else
        # shellcheck disable=SC2254
        case $err in
        $judge_pattern) ok "$1" ;;
        *) not_ok "$1" "stderr: $err" "expected: $judge_pattern" ;;
        esac
    fi
}

# t NAME STATUS OUT ERR ARG...: run the tool with ARGs, and judge.
t() {
    t_name=$1 t_status=$2 t_out=$3 t_err=$4
    shift 4
    run "$CORRAL" "$@"
    judge "$t_name" "$t_status" "$t_out" "$t_err"
}

# zk: give ZooKeeper's own client the commands on stdin; what it prints of data
# goes to stdout, without what it says of itself, at any place in between.
zk() {
    CLIENT_JVMFLAGS='-Xshare:auto -XX:TieredStopAtLevel=1' \
        "$zkcli" -server "$CORRAL_SERVERS" 2>"$scratch/zk.err" |
        grep -vE '^(Connecting to .*|Welcome to ZooKeeper!|JLine support is disabled|WATCHER::|WatchedEvent .*|)$'
}

# wait_for COMMAND...: until it succeeds, within reason.
wait_for() {
    for _ in $(seq 1200); do
        "$@" && return
        sleep 0.05
    done
    return 1
}

# has_lines FILE COUNT: so many complete lines are there.
has_lines() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# watch ARG...: the tool in the background, to $scratch/out and $scratch/err, as $watcher.
watch() {
    # A shell starts what runs in the background with SIGINT ignored.
    : >"$scratch/out" # to be counted in at once
    env --default-signal=INT "$CORRAL" "$@" >"$scratch/out" 2>"$scratch/err" &
    watcher=$!
}

# see COUNT: wait until the watch has printed so many lines.
see() {
    wait_for has_lines "$scratch/out" "$1" || not_ok "line $1 has not come"
}

# end SIGNAL: end the watch; sets out, err and status.
end() {
    kill -"$1" "$watcher"
    status=0
    wait "$watcher" || status=$?
    out=$(cat "$scratch/out") err=$(cat "$scratch/err")
}

# server_process: that of the server which `corral dev` has started for us.
server_process() {
    # shellcheck disable=SC2013
    for child in $(cat "/proc/$PPID/task/$PPID/children"); do
        [ "$(cat "/proc/$child/comm")" = java ] && echo "$child"
    done
}

# now_ms: the time, for durations.
now_ms() {
    echo "$(($(date +%s%N) / 1000000))"
}

finish() {
    echo "cli: $passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
