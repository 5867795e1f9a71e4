# shellcheck shell=bash
# shellcheck disable=SC2034 # not all is used by all
# What the scripts share. To be sourced by bash with
# `set -euo pipefail`.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Everything that is built goes under here, a directory per flavour.
build=$top/build

packages_to_run=(
    autoconf automake gcc libc6-dev libtool libzookeeper-mt-dev make pkg-config util-linux zookeeper
)
packages_to_fuzz=(clang libclang-rt-dev)
packages_to_bench=(
    default-jdk-headless etcd-client etcd-server gnuplot-nox libcunit1-dev libcurator-recipes-java python3-kazoo
    redis-server
)
packages_to_test=(
    "${packages_to_run[@]}" "${packages_to_fuzz[@]}" "${packages_to_bench[@]}" binutils bsdutils diffutils g++
    libuv1-dev mandoc patch valgrind
)

say()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
    say "$@"
    exit 1
}

# autoconf and make cannot do with any place.
[[ $top != *[\\\"\#\$\&\'\`[:space:]]* ]] ||
    die "cannot build in '$top': use a path without spaces and without any of \\ \" # \$ & ' \`"

# need_packages PACKAGE... - install those Debian packages that are missing.
need_packages()
{
    local package installed missing=() as_root=()
    command -v dpkg-query >/dev/null ||
        die "not a Debian system; install the counterparts of these packages and build with autotools: $*"
    # Fails for packages it has never heard of: those are missing too.
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0

    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "neither root nor sudo: have these Debian packages installed, then try again: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    # All to stderr: stdout is for the tool that is going to be run.
    {
        "${as_root[@]}" apt-get -q update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
    } </dev/null >&2 ||
        die "that failed: have these Debian packages installed, then try again: ${missing[*]}"
}

# prepare_flavour FLAVOUR OPTION... - make build/FLAVOUR ready for make, by
# autogen.sh and configure where needed: also when packages have come, gone or
# changed, since configure looked for them. Changes of configure.ac and
# Makefile.am are make's own business.
prepare_flavour()
{
    local directory=$build/$1 configured
    shift
    configured="$* $(dpkg-query -W "${packages_to_test[@]}" 2>/dev/null || true)"
    if [[ ! -e $top/configure || ! -e $top/Makefile.in ]]; then
        "$top/autogen.sh" || return
    fi
    mkdir -p "$directory"
    if [[ ! -e $directory/Makefile || $(cat "$directory/configured" 2>/dev/null) != "$configured" ]]; then
        (cd "$directory" && "$top/configure" --quiet "$@") || return
        printf '%s\n' "$configured" >"$directory/configured"
    fi
}

# For prepare_flavour: what fuzzing wants.
fuzz_flavour=(fuzz CC=clang --disable-shared --enable-werror "--enable-sanitize=fuzzer-no-link,address,undefined")

# locked COMMAND... - run the command while nobody else builds in this checkout.
# What it starts does not inherit the lock.
locked()
{
    mkdir -p "$build"
    (
        flock 7
        "$@" 7>&-
    ) 7>>"$build/lock"
}

make_goals()
{
    local goal
    prepare_flavour plain --enable-werror || return
    # One goal at a time: automake's `all` is a make of its own.
    for goal; do
        make -s -C "$build/plain" "-j$(nproc)" "$goal" || return
    done
}

# build_for NAME GOAL... - build these in build/plain, and say so if the first
# one is not there yet. What is said meanwhile goes to build/NAME.build.log.
build_for()
{
    local log=$build/$1.build.log
    shift
    mkdir -p "$build"
    [[ -e $build/plain/$1 ]] || say "building in $build/plain"
    if ! locked make_goals "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "the build failed; its log is $log"
    fi
}

# in_foreground PID - does the terminal give its Ctrl-C to that process?
in_foreground()
{
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return
    # What follows the name: state, parent, group, session, terminal, the terminal's group.
    read -ra fields <<<"${stat##*) }"
    ((fields[2] == fields[5]))
}

# run_child COMMAND... - run it as in the foreground, but pass the signals on
# that come for this shell alone, and return its status. A SIGINT is taken to
# have come for both if it can have been the terminal's. A trapped signal cuts
# `wait` short; then it is taken up again.
run_child()
{
    local child status signaled=
    # Left to itself the shell has a background process ignore SIGINT and read /dev/null.
    env --default-signal=INT,QUIT "$@" <&0 &
    child=$!
    trap 'signaled=yes; in_foreground "$child" || kill -INT "$child" 2>/dev/null || true' INT
    trap 'signaled=yes; kill -TERM "$child" 2>/dev/null || true' TERM HUP
    while :; do
        status=0
        wait "$child" || status=$?
        [[ $signaled ]] || break
        signaled=
    done
    exit_on_signals
    return "$status"
}

# Between children a signal ends the shell, by way of its EXIT trap.
exit_on_signals()
{
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}
