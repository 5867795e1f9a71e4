#!/bin/sh
# The tool's page and --help tell of the same options, variables and exit statuses,
# the library's pages and its headers of the same functions, constants and fields.
. "$(dirname "$0")/harness.sh"
page=$here/../../man/corral.1

for command in '' 'counter add' 'counter get' 'counter set' 'counter cas' 'counter rm' 'counter watch' \
    'value get' 'value set' 'value cas' 'value rm' watch 'id next' 'id decode' lock 'lock ls' dev; do
    # shellcheck disable=SC2086
    options=$("$CORRAL" $command --help | sed -nE 's/^  (-., )?--([a-z-]*).*/\2/p' | sort -u)
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

# Lines of the header $header from the one with $1 to the one with $2.
part() {
    sed -n "/$1/,/$2/p" "$header"
}

# A page for each header that has one.
for page in "$here"/../../man/corral_*.3; do
    name=$(basename "$page" .3)
    header=$here/../../include/corral/${name#corral_}.h
    missing=
    for word in $(tr '\n' ' ' <"$header" | grep -oE 'CORRAL_API [^;(]*\(' | grep -oE '[a-z0-9_]+ *\($' | tr -d ' ('); do
        grep -qE "^\.F[no] \"?$word\>" "$here"/../../man/*.3 || missing="$missing $word"
        grep -qE "^\.Nm $word( ,)?$" "$here"/../../man/*.3 || missing="$missing NAME:$word"
    done
    for word in $(part '^typedef enum' '^}' | grep -oE '^ *CORRAL_[A-Z0-9_]+'); do
        grep -qE "^\.(It |Pq .*)?Dv .*\<$word\>" "$page" || missing="$missing $word"
    done
    for word in $(part 'OPTIONS_VERSION 1$' '_options;$' | grep -oE '^    [^ ;/][^;/]*;' | grep -oE '[a-z_]+;$' | tr -d ';'); do
        grep -qE "^\.(It )?(Fa|Va) .*\<$word\>" "$page" || missing="$missing $word"
    done
    is "$name(3) has the functions, constants and options of its header" "$missing" ''
done
for each in "$here"/../../man/*.[13]; do
    is "mandoc has no complaint about ${each##*/}" "$(mandoc -T lint -W warning "$each" 2>&1)" ''
done

finish
