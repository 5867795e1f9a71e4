#!/bin/sh
# The man page and --help tell of the same options, variables and exit statuses.
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
if command -v man >/dev/null; then
    is 'man has no complaint' "$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" \
        2>&1 >/dev/null)" ''
fi

finish
