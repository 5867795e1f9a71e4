#!/bin/sh
# shellcheck disable=SC2016 # what is single-quoted is for the command's shell
# `watch --exec`: a command at each state, which it has in its environment and on its standard input.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server
export scratch

# told PATTERN: wait until the watch has said that.
told() {
    wait_for grep -q "$1" "$scratch/err" || not_ok "it does not say: $1" "$(cat "$scratch/err")"
}
# Of the command: what it has been told in its environment, without the one that names the server.
show='printf "%s\n" "$(env | grep ^CORRAL_ | grep -v "^CORRAL_SERVERS\|^CORRAL=" | sort | tr "\n" " ")$(od -An -c | tr -s " \n" " ")"'

# Those of a watch around us are not ours.
CORRAL_ERROR=old CORRAL_MZXID=1 CORRAL_CZXID=1 CORRAL_VERSION=1 watch watch /seen --exec "$show"
see 1
first=$("$CORRAL" value set /seen max=7)
see 2
second=$(printf ' a\0\377\n' | "$CORRAL" value set /seen -)
see 3
third=$("$CORRAL" value set /seen '')
see 4
"$CORRAL" value rm /seen
see 5
end INT
judge 'the state, until SIGINT' 130 "CORRAL_EVENT=absent CORRAL_PATH=/seen CORRAL_SKIPPED=0 
CORRAL_CZXID=$first CORRAL_EVENT=data CORRAL_MZXID=$first CORRAL_PATH=/seen CORRAL_SKIPPED=0 CORRAL_VERSION=0  m a x = 7 
CORRAL_CZXID=$first CORRAL_EVENT=data CORRAL_MZXID=$second CORRAL_PATH=/seen CORRAL_SKIPPED=0 CORRAL_VERSION=1  a \\0 377 \\n 
CORRAL_CZXID=$first CORRAL_EVENT=data CORRAL_MZXID=$third CORRAL_PATH=/seen CORRAL_SKIPPED=0 CORRAL_VERSION=2 
CORRAL_EVENT=deleted CORRAL_PATH=/seen CORRAL_SKIPPED=0 " ''

"$CORRAL" value set /guarded secret >/dev/null
watch watch /guarded --exec 'echo "$CORRAL_EVENT ${CORRAL_ERROR-}$(cat)"'
see 1
printf 'setAcl /guarded world:anyone:cdwa\nset /guarded newer\n' | zk >/dev/null
see 2
end TERM
judge 'access revoked' 143 'data secret
denied EACCES' ''

head -c 1024000 /dev/urandom >"$scratch/longest"
"$CORRAL" value set /long - <"$scratch/longest" >/dev/null
watch watch /long --exec 'cat >"$scratch/copy"; echo copied'
see 1
end INT
cmp "$scratch/copy" "$scratch/longest"
is 'a megabyte' $? 0
watch watch /long --exec 'echo unread'
see 1
"$CORRAL" value set /long x >/dev/null
see 2
end INT
judge '... that is not read' 130 'unread
unread' ''

# A part of the data is not what the znode holds.
"$CORRAL" value set /long - <"$scratch/longest" >/dev/null
run sh -c 'trap "" XFSZ; ulimit -f 1; exec timeout 60 "$CORRAL" watch /long --exec "wc -c"'
judge 'no room for the data' 3 '' '/long: no file for the command to read: File too large'

"$CORRAL" value set /tree x >/dev/null
"$CORRAL" value set '/tree/b c' 2 >/dev/null
"$CORRAL" value set /tree/a 1 >/dev/null
watch watch /tree --children --exec 'cat; echo "$CORRAL_EVENT $CORRAL_VERSION"'
see 3
end INT
judge '--children: names, one a line' 130 'a
b\0040c
children 2' ''
watch watch /tree --children --data --exec 'cat; echo .'
see 3
end INT
judge '--children --data' 130 'a=1
b\0040c=2
.' ''
watch --json watch /tree --children --exec cat
see 1
end INT
is '--json: the object' "$(sed 's/"czxid".*//' "$scratch/out")" '{"path":"/tree","state":"children","children":["a","b c"],'

# One at a time; what changes while it runs is told at its end: once, or, if it ends before we have heard of
# the last change, once more.
mkfifo "$scratch/go"
"$CORRAL" value set /busy 0 >/dev/null
watch watch /busy --exec 'echo "begin $(cat)"; read -r _ <"$scratch/go"; echo "end $CORRAL_SKIPPED"'
see 1
for value in 1 2 3 4; do
    "$CORRAL" value set /busy $value >/dev/null
done
echo >"$scratch/go"
see 3
if [ "$(tail -n 1 "$scratch/out")" != 'begin 4' ]; then
    echo >"$scratch/go"
    see 5
fi
begun=$(tail -n 1 "$scratch/out")
lines=$(wc -l <"$scratch/out")
echo >"$scratch/go"
see $((lines + 1))
end INT
is 'what changes while it runs is told at its end' "$status $begun" '130 begin 4'
is '... and counted' "$(awk '$1 == "end" { n += $2 + 1 } END { print n }' "$scratch/out")" 5
is '... one at a time' "$(cut -d ' ' -f 1 "$scratch/out" | paste -sd ' ' | sed 's/begin end//g; s/ //g')" ''

# A command that fails is told, and the watch goes on.
"$CORRAL" value set /failing 1 >/dev/null
watch watch /failing --exec 'echo "$(cat)"; exit 3'
told 'status 3'
"$CORRAL" value set /failing 2 >/dev/null
see 2
end INT
is 'a command that fails' "$status $out|$(sort -u "$scratch/err")" '130 1
2|corral: /failing: the command failed with status 3'
watch watch /failing --exec 'kill -KILL $$'
told 'signal 9'
end INT
is 'a command that is killed' "$status $(sort -u "$scratch/err")" '130 corral: /failing: the command was ended by signal 9'
watch watch /failing --exec 'exit 255'
told 'status 255'
end INT
is 'a command that ends with more than any signal' "$status $(sort -u "$scratch/err")" \
    '130 corral: /failing: the command failed with status 255'
watch watch /failing --exec /no/such/command
told 'status 127'
end INT
is 'a command that is not there' "$status $(grep -c '^corral: /failing: the command failed with status 127$' "$scratch/err")" '130 1'

# A signal while it runs is for the command first: we end when it has.
watch watch /failing --exec 'trap "echo trapped; exit 0" TERM; echo begin; while :; do read -r _ <"$scratch/go"; done'
see 1
kill -TERM "$watcher"
status=0
wait "$watcher" || status=$?
is 'a signal while it runs' "$status $(tr '\n' ' ' <"$scratch/out")" '143 begin trapped '
# Who kills us kills the command.
watch watch /failing --exec 'echo $$; exec sleep 600'
see 1
end KILL
wait_for sh -c '! kill -0 "$0" 2>/dev/null' "$out"
is 'killed, it takes the command along' $? 0

# Ctrl-C on a terminal, of which we are in front, ends both.
mkfifo "$scratch/keys"
env --default-signal=INT,QUIT,TSTP script -qefc \
    '"$CORRAL" watch /failing --exec "echo begin; exec sleep 600"' /dev/null \
    <"$scratch/keys" >"$scratch/shown" 2>&1 &
terminal=$!
exec 3>"$scratch/keys"
wait_for grep -qs begin "$scratch/shown"
printf '\003' >&3
status=0
wait $terminal || status=$?
exec 3>&-
is 'Ctrl-C' "$status $(tr -d '\r' <"$scratch/shown" | tr '\n' ' ')" '130 begin ^C'

# What it inherits and what it does not. (Signals 32 and 33 are the C library's own.)
# shellcheck disable=SC2016 # the command expands it
inherited='ls /proc/self/fd | tr "\n" " "; echo; grep SigBlk /proc/self/status
echo $((0x$(sed -n "s/^SigIgn:.//p" /proc/self/status) & ~0x180000000))'
env --default-signal=INT sh -c "$inherited" >"$scratch/bare" 2>"$scratch/err" &
wait $!
watch watch /failing --exec "$inherited"
see 3
end INT
is 'no descriptor of ours, no signal held back' "$(cat "$scratch/out")" "$(cat "$scratch/bare")"

# What it does elsewhere is its own business.
: >"$scratch/log"
watch watch /failing --exec 'cat >>"$scratch/log"; echo >>"$scratch/log"'
wait_for has_lines "$scratch/log" 1
"$CORRAL" value set /failing last >/dev/null
wait_for has_lines "$scratch/log" 2
end HUP
is 'we ourselves print nothing' "$status $out|$(tr '\n' ' ' <"$scratch/log")" '129 |2 last '

finish
