#!/bin/sh
# Everything that is decided before a server is asked: help, options, numbers, paths.
. "$(dirname "$0")/harness.sh"

# Nothing listens there; what reached out for it would take its timeout and exit 3.
CORRAL_SERVERS=127.0.0.1:1 CORRAL_TIMEOUT=1
export CORRAL_SERVERS CORRAL_TIMEOUT

version=$("$CORRAL" --version)
matches '--version' "$version" 'corral [0-9]*.[0-9]*.[0-9]*'
run "$CORRAL" --help
matches '--help tells the commands' "$out" '*counter add PATH*dev*Exit status*'
is '--help exits 0' "$status$err" 0
run "$CORRAL" counter --help
matches 'counter --help tells its commands only' "$out" '*counter rm PATH*'
case $out in *dev*--*COMMAND*) not_ok 'counter --help is short' ;; *) ok 'counter --help is short' ;; esac
for command in 'counter add' 'counter get' 'counter set' 'counter cas' 'counter rm' 'counter watch' \
    'value get' 'value set' 'value cas' 'value rm' watch 'id next' 'id decode' lock 'lock ls' dev; do
    # shellcheck disable=SC2086
    run "$CORRAL" $command --help
    matches "$command --help" "$status$err|$out" "0|Usage: corral $command *"
    # shellcheck disable=SC2086
    run "$CORRAL" --help $command
    matches "--help $command" "$status$err|$out" '0|Usage: corral *'
done

t 'no command' 2 '' 'no command*'
t 'half a command' 2 '' 'no command after counter*' counter
t 'an unknown command' 2 '' 'no such command: bogus*' bogus
t 'an unknown verb' 2 '' 'no such command: counter bogus*' counter bogus /x
t 'an unknown option' 2 '' 'unknown option: --bogus' counter add --bogus /x
t 'an unknown short option' 2 '' 'unknown option: -x' -x counter add /x
t 'an option of another command' 2 '' 'unknown option: --read' counter add --read local /x
t 'an option without its value' 2 '' 'option --timeout needs a value*' counter add /x --timeout
t 'a value that is not wanted' 2 '' 'option --json takes no value' counter add --json=yes /x
t 'an unknown read level' 2 '' '--read is *: eventual' counter get --read eventual /x

for verb in 'add' 'get' 'set' 'set /x' 'cas' 'cas /x' 'cas /x 1' 'rm'; do
    # shellcheck disable=SC2086
    t "too few arguments: $verb" 2 '' "counter ${verb%% *}: argument missing*" counter $verb
done
for verb in 'add /x 1 2' 'get /x 1' 'set /x 1 2' 'cas /x 1 2 3' 'rm /x 1'; do
    # shellcheck disable=SC2086
    t "too many arguments: $verb" 2 '' "counter ${verb%% *}: one argument too many: *" counter $verb
done
t 'half a value command' 2 '' 'no command after value*' value
t 'an unknown verb of values' 2 '' 'no such command: value add*' value add /x 1
for verb in get set 'set /x' cas 'cas /x' 'cas /x 1' rm; do
    # shellcheck disable=SC2086
    t "too few arguments: value $verb" 2 '' "value ${verb%% *}: argument missing*" value $verb
done
for verb in 'get /x 1' 'set /x 1 2' 'cas /x 1 2 3' 'rm /x 1'; do
    # shellcheck disable=SC2086
    t "too many arguments: value $verb" 2 '' "value ${verb%% *}: one argument too many: *" value $verb
done
t 'value get, an unknown read level' 2 '' '--read is local, sync or linearizable, not: eventual' value get --read eventual /x
t 'value set, an option of value get' 2 '' 'unknown option: --read' value set --read local /x 1
t 'value cas, an option of value get' 2 '' 'unknown option: --mzxid' value cas --mzxid /x 1 2
for number in x '' 1.5 ' 1' 0x10; do
    t "MZXID not a number: '$number'" 2 '' 'MZXID is not a whole number: *' value cas /x "$number" 1
done
t 'MZXID beyond 64 bits' 2 '' 'MZXID is out of the range *' value cas /x 9223372036854775808 1
t 'MZXID negative' 2 '' 'MZXID is that of a change, or 0: -1' value cas /x -1 1
run "$CORRAL" value set /x - <.
judge 'standard input that cannot be read' 2 '' 'cannot read standard input: *'
run "$CORRAL" value cas /x 1 - <&-
judge '... that is closed' 2 '' 'cannot read standard input: *'

t 'watch without a path' 2 '' 'watch: argument missing*' watch
t 'watch with two' 2 '' 'watch: one argument too many: /y*' watch /x /y
t 'watch with a command behind --' 2 '' 'watch: one argument too many: *' watch /x -- true
t 'watch --exec without its value' 2 '' 'option --exec needs a value: COMMAND' watch /x --exec
t 'watch, a value that is not wanted' 2 '' 'option --children takes no value' watch --children=1 /x
t 'watch --data without --children' 2 '' '--data is for --children*' watch --data /x
t 'watch, an option of counter watch' 2 '' 'unknown option: --encoding' watch --encoding int64 /x
t 'counter watch, an option of watch' 2 '' 'unknown option: --exec' counter watch /x --exec true

t 'dev with a stray argument' 2 '' 'dev: one argument too many: true*' dev true
t 'dev without a command after --' 2 '' 'dev: no command after --' dev --
t 'dev without a command after a second --' 2 '' 'dev: no command after --' -- dev --
t 'dev with a stray argument after --' 2 '' 'dev: one argument too many: true*' -- dev true
t 'dev --nodes 2' 2 '' '--nodes is 1 or 3, not: 2' dev --nodes 2

t 'half an id command' 2 '' 'no command after id*' id
t 'id next without a path' 2 '' 'id next: argument missing*' id next
t 'id next with two' 2 '' 'id next: one argument too many: /y*' id next /x /y
t 'id next, an option of id decode' 2 '' 'unknown option: --path' id next --path /x /x
t 'id next -n without its value' 2 '' 'option -n needs a value: N' id next /x -n
for count in 0 -1 -5 1000000000000000001; do
    t "id next -n $count" 2 '' "-n is from 1 to 1000000000000000000, not: $count" id next -n $count /x
done
for count in x '' 1.5 1e3 ' 1' 0x10; do
    t "id next -n '$count'" 2 '' "-n is not a whole number: $count" id next -n "$count" /x
done
t 'id next -n beyond 64 bits' 2 '' '-n is out of the range *' id next -n 9223372036854775808 /x
for kind in x '' Sequence stored; do
    t "id next --kind '$kind'" 2 '' "--kind is znode, sequence, block or snowflake, not: $kind" id next --kind "$kind" /x
done
for option in --epoch=0 --worker-bits=5 --sequence-bits=5; do
    t "id next $option without its kind" 2 '' '--epoch, --worker-bits and --sequence-bits are for --kind snowflake only' \
        id next $option /x
    t "id next $option with another kind" 2 '' '--epoch, * are for --kind snowflake only' id next --kind block $option /x
done
for command in 'id next --kind snowflake' 'id decode'; do
    for bits in 0 31 -1; do
        # shellcheck disable=SC2086
        t "$command --worker-bits $bits" 2 '' "--worker-bits is from 1 to 30, not: $bits" $command --worker-bits $bits /x
        # shellcheck disable=SC2086
        t "$command --sequence-bits $bits" 2 '' "--sequence-bits is from 1 to 30, not: $bits" $command --sequence-bits $bits /x
    done
    # shellcheck disable=SC2086
    t "$command, too many bits" 2 '' '--worker-bits and --sequence-bits are together 31 at most, not: 20 + 12' \
        $command --worker-bits 20 /x
    # shellcheck disable=SC2086
    t "$command --worker-bits x" 2 '' '--worker-bits is not a whole number: x' $command --worker-bits x /x
    for epoch in -1 99999999999999 9223372036854775807; do
        # shellcheck disable=SC2086
        t "$command --epoch $epoch" 2 '' "--epoch is in milliseconds since 1970, and not in the future: $epoch" \
            $command --epoch $epoch /x
    done
    # shellcheck disable=SC2086
    t "$command --epoch x" 2 '' '--epoch is not a whole number: x' $command --epoch x /x
done
t 'id next --label' 2 '' '--label has more than 1023 bytes' id next --label "$(printf '%01024d' 0)" /x
t 'id decode without an ID' 2 '' 'id decode: argument missing*' id decode
t 'id decode by two layouts' 2 '' 'with --path, there is no *' id decode --path /x --epoch 0 1
t 'id decode --path, not a path' 2 '' 'x: not a znode path: *' id decode --path x 1

# `lock` leaves the low statuses to its command; `lock ls` does not.
t 'lock without a path' 125 '' 'lock: argument missing*' lock
t 'lock without a command' 125 '' 'lock: no command' lock /x
t 'lock without a command after --' 125 '' 'lock: no command' lock -n /x --
t 'lock with two commands' 125 '' 'lock: one argument too many beside -c: true' lock -c false /x true
t 'lock -c without its string' 125 '' 'option -c needs a value: STRING' lock /x -c
t 'lock -w without its value' 125 '' 'option -w needs a value: SECONDS' lock -nw
t 'lock, an unknown letter' 125 '' 'unknown option: -nZ' lock -nZ /x true
t 'lock, an unknown option' 125 '' 'unknown option: --bogus' lock --bogus /x true
t 'lock, a value that is not wanted' 125 '' 'option --shared takes no value' lock --shared=1 /x true
for seconds in x -1 1e1 ''; do
    t "lock -w '$seconds'" 125 '' '--wait is not a number of seconds: *' lock -w "$seconds" /x true
    t "lock --grace '$seconds'" 125 '' '--grace is not a number of seconds: *' lock --grace="$seconds" /x true
done
for code in -1 256; do
    t "lock -E $code" 125 '' "--conflict-exit-code is from 0 to 255, not: $code" lock -E "$code" /x true
done
t 'lock -E x' 125 '' '--conflict-exit-code is not a whole number: x' lock -Ex /x true
t 'lock --naming' 125 '' '--naming is rw, mutex or kazoo, not: x' lock --naming x /x true
t 'lock -s --naming mutex' 125 '' '--naming mutex is for exclusive locks only' lock -s --naming mutex /x true
for permits in 0 -1 4294967296; do
    t "lock --permits $permits" 125 '' "--permits is from 1 to 4294967295, not: $permits" lock --permits "$permits" /x true
done
t 'lock --permits x' 125 '' '--permits is not a whole number: x' lock --permits x /x true
t 'lock --permits, far too many' 125 '' '--permits is out of the range *' lock --permits 99999999999999999999 /x true
t 'lock --permits -s' 125 '' '--permits and --shared do not go together' lock --permits 2 -s /x true
t 'lock -x --permits' 125 '' '--permits and --exclusive do not go together' lock -x --permits 2 /x true
t 'lock --permits --naming' 125 '' '--permits and --naming do not go together' lock --permits 2 --naming rw /x true
t 'lock ls --permits' 2 '' '--permits is from 1 to 4294967295, not: 0' lock ls --permits 0 /x
t 'lock ls --permits --naming' 2 '' '--permits and --naming do not go together' lock ls --permits 2 --naming rw /x
t 'lock --label' 125 '' '--label has more than 1023 bytes' lock --label "$(printf '%01024d' 0)" /x true
t 'lock --timeout' 125 '' '--timeout *' --timeout 0 lock /x true
t 'lock, not a path' 125 '' 'x: not a znode path: *' lock x true
t 'lock, -- ends the options' 125 '' '-n: not a znode path: *' lock -- -n true
t 'lock --servers' 125 '' 'not a ZooKeeper connect string: x' lock --servers x /x true
t 'lock ls without a path' 2 '' 'lock ls: argument missing*' lock ls
t 'lock ls with two' 2 '' 'lock ls: one argument too many: /y*' lock ls /x /y
t 'lock ls, an option of lock' 2 '' 'unknown option: --shared' lock -s ls /x
t 'lock ls, an unknown option' 2 '' 'unknown option: -s' lock ls -s /x
t 'lock ls --naming' 2 '' '--naming is *, not: x' lock ls --naming x /x
t 'lock ls, not a path' 2 '' 'x: not a znode path: *' lock ls x

for number in 12abc '' ' 5' '5 ' - + 1.5 0x10 1e3 -5x --5; do
    case $number in
    --*) error='unknown option*' ;;
    -[!0-9]*) error='unknown option*' ;;
    *) error='DELTA is not a whole number: *' ;;
    esac
    t "DELTA not a number: '$number'" 2 '' "$error" counter add /x "$number"
done
for number in 9223372036854775808 -9223372036854775809 99999999999999999999999; do
    t "DELTA out of range: $number" 2 '' "DELTA is out of the range * $number" counter add /x "$number"
    t "VALUE out of range: $number" 2 '' "VALUE is out of the range * $number" counter set /x "$number"
    t "EXPECTED out of range: $number" 2 '' "EXPECTED is out of the range * $number" counter cas /x "$number" 1
    t "NEW out of range: $number" 2 '' "NEW is out of the range * $number" counter cas /x 1 "$number"
done
t 'VALUE not a number' 2 '' 'VALUE is not a whole number: x' counter set /x x
t 'EXPECTED not a number' 2 '' 'EXPECTED is not a whole number: x' counter cas /x x 1
t 'NEW not a number' 2 '' 'NEW is not a whole number: x' counter cas /x 1 x

long=/$(printf '%01023d' 0)
control=$(printf '/a\nb') delete=$(printf '/a\177') beyond=/😀 private=$(printf '/\356\200\200')
for path in "$delete" "$beyond" "$private"; do
    t "bad path: '$(printf %s "$path" | LC_ALL=C tr '\177' '?')'" 2 '' \
        '*: not a znode path: *.. part, *UTF-8 up to U+FFFF without control *' counter get "$path"
done
for path in x '' / // //x /x//y /x/ /. /.. /x/./y /x/../y "$long" "$control"; do
    shown=$(printf %.100s "$path" | tr '\n' '?')
    for verb in add get rm; do
        t "bad path: $verb '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" counter "$verb" "$path"
    done
    for verb in get rm; do
        t "bad path: value $verb '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" value $verb "$path"
    done
    t "bad path: value set '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" value set "$path" 1
    t "bad path: value cas '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" value cas "$path" 1 2
    t "bad path: watch '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" watch "$path" --exec 'echo never'
    t "bad path: id next '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" id next "$path"
    t "bad path: set '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" counter set "$path" 1
    t "bad path: cas '$(printf %.20s "$shown")'" 2 '' "$shown*: not a znode path: *" counter cas "$path" 1 2
done

for seconds in 0 0.0 -1 1e3 x '' 1.2.3 . 10000000000; do
    t "--timeout $seconds" 2 '' '--timeout *' --timeout "$seconds" counter get /x
done
CORRAL_TIMEOUT=soon t 'CORRAL_TIMEOUT' 2 '' 'CORRAL_TIMEOUT is not a number of seconds: soon' counter get /x
for auth in x digest: :user:password; do
    t "--auth $auth" 2 '' '--auth or CORRAL_AUTH *' --auth "$auth" counter get /x
done
CORRAL_AUTH=x t 'CORRAL_AUTH' 2 '' '--auth or CORRAL_AUTH *' counter get /x
for servers in x '' 127.0.0.1 127.0.0.1:x '127.0.0.1:1,,' 127.0.0.1:1/x/; do
    t "--servers $servers" 2 '' "not a ZooKeeper connect string: $servers" --servers "$servers" counter get /x
done
t '--home' 2 '' '--home or CORRAL_HOME is not a znode path: x' --home x counter get /x
CORRAL_HOME=/x/ t 'CORRAL_HOME' 2 '' '--home or CORRAL_HOME is not a znode path: /x/' counter get /x
t '--servers, and a home that is right' 2 '' 'not a ZooKeeper connect string: x' --servers x --home /x counter get /x

status=0
"$CORRAL" --help >/dev/full 2>"$scratch/err" || status=$?
out='' err=$(cat "$scratch/err")
judge 'a full disk is told' 6 '' 'cannot write to standard output: *'
status=0
"$CORRAL" --help >&- 2>"$scratch/err" || status=$?
out='' err=$(cat "$scratch/err")
judge 'a closed standard output is told' 6 '' 'cannot write to standard output: *'

finish
