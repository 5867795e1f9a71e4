#!/bin/sh
# `watch`: a znode's data, and its children, now and at every change; how it ends.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

# set_value PATH VALUE: prints the number of the change.
set_value() {
    "$CORRAL" value set "$1" "$2"
}

# The data. What is in a line is what printf %b takes back.
watch watch /seen
see 1
first=$(set_value /seen max=7)
see 2
second=$(set_value /seen '')
see 3
third=$(printf ' two words \n\\ tab\t \0\001\377 ä\n ' | "$CORRAL" value set /seen -)
see 4
"$CORRAL" value rm /seen
see 5
fourth=$(set_value /seen ' ')
see 6
end INT
judge 'data: the state now and at every change, until SIGINT' 130 "absent - - 0
data $first 0 0 max=7
data $second 1 0
data $third 2 0 \\0040two words \\n\\\\ tab\\t \\0000\\0001\\0377 ä\\n\\0040
deleted - - 0
data $fourth 0 0 \\0040" ''
while read -r state mzxid version skipped data; do
    if [ "$version" = 2 ]; then
        printf %b "$data" >"$scratch/back"
        is "... in columns" "$state $mzxid $skipped" "data $third 0"
    fi
done <"$scratch/out"
printf ' two words \n\\ tab\t \0\001\377 ä\n ' | cmp - "$scratch/back"
is '... which a shell takes back byte for byte' $? 0

for signal in TERM:143 HUP:129; do
    watch watch /seen
    see 1
    end "${signal%:*}"
    judge "until SIG${signal%:*}" "${signal#*:}" "data $fourth 0 0 \\0040" ''
done

head -c 1024000 /dev/urandom >"$scratch/longest"
longest=$("$CORRAL" value set /long - <"$scratch/longest")
watch watch /long
see 1
end TERM
read -r state mzxid _ _ data <"$scratch/out"
printf %b "$data" | cmp - "$scratch/longest"
is 'a megabyte is one line' "$? $state $mzxid $(wc -l <"$scratch/out")" "0 data $longest 1"
watch --json watch /long
see 1
end TERM
sed 's/.*"value_base64":"//; s/".*//' "$scratch/out" | base64 -d | cmp - "$scratch/longest"
is '... and with --json' "$? $(wc -l <"$scratch/out")" '0 1'

watch --json watch /json
see 1
first=$(set_value /json 'say "ä"')
see 2
second=$(printf '\377' | "$CORRAL" value set /json -)
see 3
"$CORRAL" value rm /json
see 4
end INT
judge '--json' 130 "{\"path\":\"/json\",\"state\":\"absent\",\"skipped\":\"0\"}
{\"path\":\"/json\",\"state\":\"data\",\"value\":\"say \\\"ä\\\"\",\"length\":8,\"czxid\":\"$first\",\"mzxid\":\"$first\",\"version\":0,\"index\":0,\"skipped\":\"0\"}
{\"path\":\"/json\",\"state\":\"data\",\"value_base64\":\"/w==\",\"length\":1,\"czxid\":\"$first\",\"mzxid\":\"$second\",\"version\":1,\"index\":0,\"skipped\":\"0\"}
{\"path\":\"/json\",\"state\":\"deleted\",\"skipped\":\"0\"}" ''

# pzxid PATH: the number of the last change of its children.
pzxid() {
    echo "stat $1" | zk | sed -n 's/^pZxid = 0x/0x/p' | xargs printf '%d'
}
watch watch /shop --children
see 1
set_value /shop '' >/dev/null
see 2
set_value '/shop/a b' 1 >/dev/null
see 3
set_value /shop/Z=! ' 2' >/dev/null
see 4
"$CORRAL" value rm '/shop/a b'
see 5
last=$(pzxid /shop)
"$CORRAL" value rm /shop/Z=!
see 6
"$CORRAL" value rm /shop
see 7
end INT
is '--children: names, sorted' "$status $(cut -d ' ' -f 1,3- "$scratch/out")" '130 absent - 0
children 0 0
children 1 0 a\0040b
children 2 0 Z=! a\0040b
children 3 0 Z=!
children 4 0
deleted - 0'
is '... and which change it was' "$(sed -n '5s/^children \([0-9]*\) .*/\1/p' "$scratch/out")" "$last"

set_value /tree x >/dev/null
a=$(set_value /tree/a '1 =')
watch watch --children --data /tree
see 1
made=$(set_value /tree/b=! '')
see 2
set_value /tree/a 3 >/dev/null
see 3
echo 'setAcl /tree/a world:anyone:cdwa' | zk >/dev/null
see 4
end INT
is '--children --data' "$status $(cut -d ' ' -f 1,3- "$scratch/out")" '130 children 1 0 a=1\0040=
children 2 0 a=1\0040= b\0075\0041=
children 2 0 a=3 b\0075\0041=
children 2 0 a!EACCES b\0075\0041='
echo 'setAcl /tree/a world:anyone:cdrwa' | zk >/dev/null
b=$(set_value /tree/b=! "$(printf 'two\nlines')")
watch --json watch /tree --children
see 1
end INT
is '--json --children' "$(sed 's/"czxid".*//' "$scratch/out")" '{"path":"/tree","state":"children","children":["a","b=!"],'
watch --json watch /tree --children --data
see 1
end INT
is '--json --children --data' "$(sed 's/"mzxid":"[0-9]*"/"mzxid":""/; s/],.*/]/' "$scratch/out")" "{\"path\":\"/tree\",\"state\":\"children\",\
\"children\":[{\"name\":\"a\",\"value\":\"3\",\"length\":1,\"czxid\":\"$a\",\"mzxid\":\"\",\"version\":1,\"index\":0},\
{\"name\":\"b=!\",\"value\":\"two\\u000alines\",\"length\":9,\"czxid\":\"$made\",\"mzxid\":\"$b\",\"version\":1,\"index\":0}]"

# Access that is taken away, and given back, is a state of its own.
given=$(set_value /guarded secret)
watch watch /guarded
see 1
printf 'setAcl /guarded world:anyone:cdwa\nset /guarded newer\n' | zk >/dev/null
see 2
echo 'setAcl /guarded world:anyone:cdrwa' | zk >/dev/null
see 3
end INT
is 'access revoked, and granted' "$status $(cut -d ' ' -f 1,3- "$scratch/out")|$err" '130 data 0 0 secret
denied - 0 EACCES
data 1 0 newer|'
is '... from the value that was there' "$(head -n 1 "$scratch/out")" "data $given 0 0 secret"
watch --json watch /guarded
see 1
printf 'setAcl /guarded world:anyone:cdwa\nset /guarded newer\n' | zk >/dev/null
see 2
printf 'delete /guarded\n' | zk >/dev/null
see 3
end INT
is '--json: denied, and then deleted' "$(tail -n 2 "$scratch/out" | tr '\n' ' ')" \
    '{"path":"/guarded","state":"denied","error":"EACCES","skipped":"0"} {"path":"/guarded","state":"deleted","skipped":"0"} '

# A reader that has enough: the tool ends at once, without a word.
{
    status=0
    "$CORRAL" watch /long 2>"$scratch/err" || status=$?
    echo $status >"$scratch/status"
} | head -c 4 >"$scratch/out"
wait_for test -s "$scratch/status"
status=$(cat "$scratch/status") out=$(cat "$scratch/out") err=$(cat "$scratch/err")
judge 'a reader that has seen enough' 141 data ''

# A reader that reads nothing: what is outdated is left out and counted, and a signal still ends it.
mkfifo "$scratch/fifo"
"$CORRAL" watch /stuck >"$scratch/fifo" 2>"$scratch/err" &
watcher=$!
exec 3<"$scratch/fifo"
IFS= read -r line <&3
is 'a reader that stops' "$line" 'absent - - 0'
"$CORRAL" value set /stuck - <"$scratch/longest" >/dev/null
# It is being written, and does not fit.
head -c 5 <&3 >/dev/null
for version in 1 2 3 4 5; do
    last=$(set_value /stuck $version)
done
# Behind the rest of the line: the last, or, if the tool has not heard of that yet, one before it first.
timeout 60 sed -n '1d; p; / 5$/q' <&3 >"$scratch/out"
is '... finds the last value, and how many it has missed' \
    "$(tail -n 1 "$scratch/out" | cut -d ' ' -f 1-3,5) $(awk '{ n += $4 + 1 } END { print n, NR < 3 }' "$scratch/out")" \
    "data $last 5 5 5 1"
"$CORRAL" value set /stuck - <"$scratch/longest" >/dev/null
head -c 5 <&3 >/dev/null
end TERM
is '... and does not keep a signal from ending it' "$status" 143
exec 3<&-

if [ -c /dev/full ]; then
    status=0
    timeout 20 "$CORRAL" watch /long >/dev/full 2>"$scratch/err" || status=$?
    out='' err=$(cat "$scratch/err")
    judge 'what cannot be written' 6 '' 'cannot write to standard output: *'
fi
t 'refused credentials' 4 '' '/x: the server refused the credentials' --auth no-such-scheme:x watch /x

finish
