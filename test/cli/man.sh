#!/bin/sh
# The tool's page and --help tell of the same options, variables and exit statuses;
# the library's pages name its functions.
. "$(dirname "$0")/harness.sh"
page=$here/../../man/corral.1

for command in '' 'counter add' 'counter get' 'counter set' 'counter cas' 'counter rm' 'counter watch' dev; do
    # shellcheck disable=SC2086
    options=$("$CORRAL" $command --help | sed -n 's/^  --\([a-z-]*\).*/\1/p' | sort -u)
    missing=
    for option in $options; do
        written=$(printf %s "$option" | sed 's/-/\\\\-/g')
        grep -q "^\.It Fl.*[-]$written\>" "$page" || missing="$missing --$option"
    done
    is "the page has the options of 'corral${command:+ $command}'" "$missing" ''
done
for word in $("$CORRAL" --help | grep -o 'CORRAL_[A-Z]*' | sort -u); do
    matches "the page has $word" "$(grep -c "$word" "$page")" '[1-9]*'
done
for number in $("$CORRAL" --help | sed -n '/^Exit status/,$p' | grep -o '[0-9] [a-z]' | cut -c 1); do
    is "the page has exit status $number" "$(grep -cx ".It $number" "$page")" 1
done
for function in $(sed -n 's/^ *\(corral_watch_[a-z_]*\|corral_counter_subscribe\);/\1/p' "$here/../../src/corral.map"); do
    is "a page has $function()" "$(sed '/^\.Sh DESCRIPTION/,$d' "$here/../../man/corral_watch.3" |
        grep -c "^\.F[on] $function\>")" 1
done
for each in "$here"/../../man/*.[13]; do
    is "mandoc has no complaint about ${each##*/}" "$(mandoc -T lint -W warning "$each" 2>&1)" ''
done

finish
