# shellcheck shell=bash
# For tests whose cases are commands; they end with `exit "$failed"`.

failed=0

# expect WHAT COMMAND... - the command has to succeed.
expect()
{
    local what=$1
    shift
    if "$@"; then
        echo "ok $what"
    else
        echo "not ok $what"
        failed=1
    fi
}
