#!/bin/sh
# Data, bounds and permissions that make the tool refuse; what is refused is left as it was.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

zk >"$scratch/made" <<'EOF'
create /letters 12abc
create /nothing
create /toobig 9223372036854775808
create -- /toosmall -9223372036854775809
create /blank " 5"
create /plus +5
create /zeros 007
create /parent 5
create /parent/child 6
create /top 9223372036854775807
create -- /bottom -9223372036854775808
create /readonly 5 world:anyone:r
create /unreadable 5 world:anyone:cdwa
create /closed "" world:anyone:r
create /undeletable
create /undeletable/x 5
addauth digest ann:secret
create /private 5
setAcl /undeletable auth::cdrwa
setAcl /private auth::cdrwa
EOF

for path in /letters /nothing /toobig /toosmall /blank; do
    for command in add get 'set:1' 'cas:5:6' 'add:0'; do
        verb=${command%%:*}
        numbers=$(echo "${command#"$verb"}" | tr ':' ' ')
        # shellcheck disable=SC2086
        t "no number: $verb$numbers $path" 4 '' "$path: holds no decimal 64-bit number*" \
            counter "$verb" "$path" $numbers
    done
done
# Bounds and encodings.
t 'made in 8 bytes' 0 258 '' counter set --encoding int64 /long 258
t 'told in 8 bytes' 0 258 '' counter get --encoding=int64 /long
t 'made in 4 bytes' 0 -2 '' counter set --encoding int32 /int -2
t 'counted in 4 bytes' 0 -3 '' counter add --encoding int32 /int -1
t 'no decimal' 4 '' '/long: holds no decimal 64-bit number*' counter get /long
t 'no 8 bytes' 4 '' '/int: holds no number of 8 bytes*' counter add --encoding int64 /int
t 'no 4 bytes' 4 '' '/long: holds no number of 4 bytes*' counter add --encoding int32 /long
t 'beyond 4 bytes' 4 '' '/int: the value would be out of bounds*' counter set --encoding int32 /int 2147483648
t 'above the maximum' 4 '' '/bounded: the value would be out of bounds*' counter add --max 5 /bounded 6
t 'it was not made' 1 '' '/bounded: no such counter' counter get /bounded
t 'at the maximum' 0 5 '' counter add --max 5 /bounded 5
t 'below the minimum' 4 '' '/bounded: the value would be out of bounds*' counter add --min -1 /bounded -7
t 'set below the minimum' 4 '' '/bounded: the value would be out of bounds*' counter set --min -1 /bounded -2
t 'cas above the maximum' 4 '' '/bounded: the value would be out of bounds*' counter cas --max 5 /bounded 5 6
t 'at the minimum' 0 -1 '' counter add --min -1 /bounded -6
t 'out of bounds it is told' 0 -1 '' counter get --min 0 /bounded
t 'no such encoding' 2 '' '--encoding is decimal, int64 or int32, not: int16' counter get --encoding int16 /long
t 'no number as minimum' 2 '' '*--min*x*' counter add --min x /bounded
t 'no number as maximum' 2 '' '*--max*9223372036854775808*' counter add --max 9223372036854775808 /bounded
t 'nothing in between' 2 '' '--min 2 is greater than --max 1' counter add --min 2 --max 1 /bounded
t 'bounds beyond 4 bytes' 2 '' '--min and --max must be*' counter add --encoding int32 --max 2147483648 /int

t 'a sum above the largest number' 4 '' '/top: the sum would leave *' counter add /top 1
t 'a sum below the smallest number' 4 '' '/bottom: the sum would leave *' counter add /bottom -1
t 'two largest numbers' 4 '' '/top: the sum would leave *' counter add /top 9223372036854775807
t 'rm of one with children' 4 '' '/parent: has children*' counter rm /parent

t 'add without permission to write' 4 '' '/readonly: permission denied' counter add /readonly
t 'set without permission to write' 4 '' '/readonly: permission denied' counter set /readonly 6
t 'cas without permission to write' 4 '' '/readonly: permission denied' counter cas /readonly 5 6
t 'get without permission to read' 4 '' '/unreadable: permission denied' counter get /unreadable
t 'add without permission to read' 4 '' '/unreadable: permission denied' counter add /unreadable
t 'add without permission to create' 4 '' '/closed*: permission denied' counter add /closed/x
t 'add without permission to create the parent' 4 '' '/closed*: permission denied' counter add /closed/x/y
t 'value set without permission to write' 4 '' '/readonly: permission denied' value set /readonly 6
t 'value cas without permission to write' 4 '' '/readonly: permission denied' value cas /readonly "$(
    "$CORRAL" value get --mzxid /readonly | head -n 1)" 6
t 'value get without permission to read' 4 '' '/unreadable: permission denied' value get /unreadable
t 'value set without permission to create' 4 '' '/closed*: permission denied' value set /closed/x 1
t 'value set without permission to create the parent' 4 '' '/closed*: permission denied' value set /closed/x/y 1
t 'value rm without permission to delete' 4 '' '/undeletable*: permission denied' value rm /undeletable/x
t 'value rm of one with children' 4 '' '/parent: has children; left as it is' value rm /parent
t 'rm without permission to delete' 4 '' '/undeletable*: permission denied' counter rm /undeletable/x

for verb in 'get /private' 'add /private' 'set /private 6' 'cas /private 5 6'; do
    # shellcheck disable=SC2086
    t "no credentials: $verb" 4 '' '/private: permission denied' counter $verb
    # shellcheck disable=SC2086
    t "wrong credentials: $verb" 4 '' '/private: permission denied' --auth digest:ann:wrong counter $verb
done
for verb in 'get /private' 'set /private 6' 'cas /private 5 6'; do
    # shellcheck disable=SC2086
    t "no credentials: value $verb" 4 '' '/private: permission denied' value $verb
    # shellcheck disable=SC2086
    t "wrong credentials: value $verb" 4 '' '/private: permission denied' --auth digest:ann:wrong value $verb
done
t 'a scheme that no server knows: value' 4 '' '*refused the credentials*' --auth nosuch:ann:secret value set /private 6
t 'a scheme that no server knows: watch' 4 '' '*refused the credentials*' --auth nosuch:ann:secret watch /private
CORRAL_AUTH=digest:ann:wrong t 'wrong CORRAL_AUTH' 4 '' '/private: permission denied' counter get /private
t 'a scheme that no server knows' 4 '' '*refused the credentials*' --auth nosuch:ann:secret counter get /private

is 'everything refused is as it was' "$(zk <<'EOF'
addauth digest ann:secret
get /letters
get /nothing
get /toobig
get /toosmall
get /parent
get /parent/child
get /top
get /bottom
get /readonly
get /undeletable/x
ls /closed
get /private
EOF
)" '12abc
null
9223372036854775808
-9223372036854775809
5
6
9223372036854775807
-9223372036854775808
5
5
[]
5'
is 'and was not written in between' "$(printf 'stat %s\n' /letters /nothing /toobig /toosmall /parent /top \
    /bottom /readonly /unreadable | zk | grep -c 'dataVersion = 0')" 9

t 'the right credentials: get' 0 5 '' --auth digest:ann:secret counter get /private
CORRAL_AUTH=digest:ann:secret t 'the right CORRAL_AUTH: add' 0 6 '' counter add /private
CORRAL_AUTH=digest:ann:wrong t 'a flag wins over CORRAL_AUTH' 0 7 '' --auth digest:ann:secret counter add /private
t 'rm of the child, then of its parent' 0 '' '' counter rm /parent/child
t '... its parent' 0 '' '' counter rm /parent

# A house that may not be entered: the error names it, and the counter is not changed.
zk >/dev/null <<'EOF'
create /barred "" world:anyone:r
EOF
t 'no permission in the home' 4 '' '/barred*: permission denied' --home /barred counter add /homeless
t '... nothing was made' 1 '' '/homeless: no such counter' counter get /homeless
t 'no permission in the home: value' 4 '' '/barred*: permission denied' --home /barred value set /homeless 1
t '... no value was made' 1 '' '/homeless: no such value' value get /homeless

finish
