#!/bin/sh
# shellcheck disable=SC2016 # the cases expand by themselves
# `corral lock` beside flock(1): the same cases through both, and where they
# differ, which is what corral(1) says.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

cd "$scratch" || exit
printf '#!/bin/sh\nexec flock "$@"\n' >with_flock
printf '#!/bin/sh\nexec "$CORRAL" lock "$@"\n' >with_corral
chmod +x with_flock with_corral
mkfifo held go
export LOCK AT

# through TOOL SCRIPT: run SCRIPT, where $LOCK is the tool and $AT its lock; sets status, out, err.
through() {
    case $1 in
    flock) LOCK=$scratch/with_flock AT=$scratch/file ;;
    corral) LOCK=$scratch/with_corral AT=/lock ;;
    esac
    run timeout 60 sh -c "$2"
}

# both NAME STATUS OUT SCRIPT: flock and corral end and print so.
both() {
    for tool in flock corral; do
        through "$tool" "$4"
        is "$tool: $1" "$status|$out" "$2|$3"
    done
}

# differ NAME FLOCK CORRAL SCRIPT: "STATUS|OUT" of each.
differ() {
    through flock "$4"
    is "differs: $1: flock" "$status|$out" "$2"
    through corral "$4"
    is "differs: $1: corral" "$status|$out" "$3"
}

# ---- the command ----
both 'its status' 7 '' '$LOCK $AT sh -c "exit 7"'
both 'its output' 0 'a b' '$LOCK $AT echo "a b"'
both 'its arguments are its own' 0 '-n -x --help' '$LOCK $AT printf "%s %s %s" -n -x --help'
both 'an end of options before the path' 0 yes '$LOCK -- $AT -c "echo yes"'
both 'its input' 0 words 'echo words | $LOCK $AT cat'
both 'a signal that ends it' 137 '' '$LOCK $AT sh -c "kill -KILL \$\$"'
both '... another' 143 '' '$LOCK $AT sh -c "kill -TERM \$\$"'
both 'a status that looks like a signal' 130 '' '$LOCK $AT sh -c "exit 130"'
both 'a descriptor that it inherits' 0 through '$LOCK $AT sh -c "echo through >&7" 7>&1'
both 'a signal that it is to ignore' 0 alive 'trap "" INT; $LOCK $AT sh -c "kill -INT \$\$; echo alive"'
both 'SIGPIPE is as usual' 141 '' '$LOCK $AT sh -c "kill -PIPE \$\$; echo alive"'
both '... or ignored' 0 alive 'trap "" PIPE; $LOCK $AT sh -c "kill -PIPE \$\$; echo alive"'
both 'one after another' 0 'a b ' 'for i in a b; do $LOCK $AT printf "%s " $i; done'
both 'a command that is a shell string' 3 yes '$LOCK $AT -c "echo yes; exit 3"'
both '... --command' 3 yes '$LOCK $AT --command "echo yes; exit 3"'
both '-o' 0 yes '$LOCK -o $AT echo yes'
both '--close' 0 yes '$LOCK --close $AT echo yes'
both 'long options' 0 yes '$LOCK --exclusive --nonblock --conflict-exit-code 3 --wait 5 $AT echo yes'
both 'letters in one word' 0 yes '$LOCK -xnE3 -w5 $AT echo yes'

# ---- busy ----
# While one holds it: $1 its options, then a case of both().
while_held() {
    held_name=$1 held_options=$2
    shift 2
    for tool in flock corral; do
        through "$tool" "\$LOCK $held_options \$AT sh -c 'echo >held; exec cat <go' &
            read -r _ <held; ($3); status=\$?; : >go; wait; exit \$status"
        is "$tool: $held_name" "$status|$out" "$1|$2"
    done
}
while_held 'exclusive against exclusive' -x 1 '' '$LOCK -n $AT echo yes'
while_held 'shared against exclusive' '' 1 '' '$LOCK -sn $AT echo yes'
while_held 'exclusive against shared' -s 1 '' '$LOCK -n $AT echo yes'
while_held 'shared beside shared' -s 0 yes '$LOCK -sn $AT echo yes'
while_held 'the last of -s and -x counts' -s 1 '' '$LOCK -sxn $AT echo yes'
while_held '... also the other way' -s 0 yes '$LOCK -x -s -n $AT echo yes'
while_held '-e is -x' -s 1 '' '$LOCK -e -n $AT echo yes'
while_held '--nb is --nonblock' -x 1 '' '$LOCK --nb $AT echo yes'
while_held '-E' -x 42 '' '$LOCK -n -E 42 $AT echo yes'
while_held '-E 0' -x 0 '' '$LOCK -nE0 $AT echo yes'
while_held '-w' -x 1 '' '$LOCK -w 0.2 $AT echo yes'
while_held '-w with -E' -x 9 '' '$LOCK -w.2 -E9 $AT echo yes'
while_held '-w 0 is -n' -x 1 '' '$LOCK -w 0 $AT echo yes'
while_held '-n wins over -w' -x 1 '' 'timeout 10 "$LOCK" -n -w 30 $AT echo yes'
while_held 'another lock is free' -x 0 yes '$LOCK -n ${AT}2 echo yes'
both 'a wait that pays' 0 'held waited' '$LOCK $AT sh -c "echo >held; read -r _ <go; printf \"held \"" & read -r _ <held
    $LOCK -w 30 $AT printf waited & : >go; wait'
both 'what was busy is free again' 0 yes '$LOCK -n $AT echo yes'

start=$(now_ms)
while_held '-w takes its time' -x 1 '' '$LOCK -w 0.7 $AT true'
elapsed=$(($(now_ms) - start))
if [ "$elapsed" -ge 1400 ]; then ok '... in full'; else not_ok '... in full' "$elapsed ms for both"; fi

# ---- where they differ: DIFFERENCES FROM FLOCK in corral(1) ----
differ 'usage' '64|' '125|' '$LOCK -w x $AT true'
differ '... no such option' '64|' '125|' '$LOCK -Z $AT true'
differ '... a status out of range' '64|' '125|' '$LOCK -E 256 $AT true'
differ '... -c with more' '64|' '125|' '$LOCK $AT -c true more'
differ '... no command' '64|' '125|' '$LOCK $AT'
differ 'a command that is not there' '69|' '127|' '$LOCK $AT no-such-command'
differ 'a file that is no command' '69|' '126|' 'touch plain; $LOCK $AT ./plain'
differ '-- before the command' '69|' '0|yes' '$LOCK $AT -- echo yes'
differ '-c before the path' '64|' '0|yes' '$LOCK -c "echo yes" $AT'
differ 'the shell of -c' '1|' '0|' 'SHELL=/bin/false $LOCK $AT -c true'
differ 'seconds with an exponent' '0|yes' '125|' '$LOCK -w 1e1 $AT echo yes'
differ 'no -u' '0|yes' '125|' '$LOCK -u $AT echo yes'
differ 'no -F' '0|yes' '125|' '$LOCK -F $AT echo yes'
differ 'a group of its own' '0|same' '0|other' 'group() { read -r _ _ _ _ group _ </proc/$1/stat; }
    group $$; ours=$group
    $LOCK $AT sh -c "read -r _ _ _ _ group _ </proc/\$\$/stat; [ \$group = $ours ] && echo same || echo other"'
differ 'what the command leaves running keeps the lock' '1|' '0|' \
    '$LOCK $AT sh -c "cat <>go >/dev/null & echo \$! >left"; $LOCK -n $AT true; s=$?; kill "$(cat left)"; exit $s'
differ 'a reader overtakes a writer that waits' '0|' '1|' '
    $LOCK -s $AT sh -c "echo >held; exec cat <go" & read -r _ <held
    $LOCK -x $AT true & writer=$!
    case $LOCK in
    *corral) until [ "$("$CORRAL" lock ls $AT | wc -l)" = 2 ]; do sleep 0.05; done ;;
    *) until grep -q "^[0-9]*: -> FLOCK" /proc/locks; do sleep 0.05; done ;;
    esac
    $LOCK -sn $AT true; s=$?; : >go; wait; exit $s'
differ 'SIGTERM reaches the command' '143|' '143|told' '
    $LOCK $AT sh -c "trap \"echo told; exit 143\" TERM; echo \$\$ >left; echo >held; read -r _ <go" & tool=$!
    read -r _ <held; [ "$(cat left)" != $tool ] || exit 99
    kill -TERM $tool; wait $tool; s=$?
    case $LOCK in *flock) kill -KILL "$(cat left)" ;; esac; exit $s'
differ 'SIGKILL takes the command along' '0|alive' '0|gone' '
    $LOCK $AT sh -c "echo \$\$ >left; echo >held; read -r _ <go" & tool=$!
    read -r _ <held; left=$(cat left); kill -KILL $tool; wait $tool
    case $LOCK in *corral) while kill -0 $left 2>/dev/null; do sleep 0.05; done ;; esac
    kill -KILL $left 2>/dev/null && echo alive || echo gone'

finish
