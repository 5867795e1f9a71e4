#!/bin/sh
# shellcheck disable=SC2016 # what is single-quoted is for the shell on the terminal
# `lock` on a terminal: who is in front, Ctrl-C, Ctrl-Z.
. "$(dirname "$0")/harness.sh"
# shellcheck disable=SC2119
need_server

cd "$scratch" || exit
mkfifo keys

# terminal SCRIPT: run it on a terminal of its own, in the background. What is written to descriptor 3 is typed,
# what is shown goes to $scratch/shown.
terminal() {
    printf '%s\n' "$1" >script
    : >shown
    env --default-signal=INT,QUIT,TSTP script -qefc 'sh ./script' /dev/null <keys >shown 2>&1 &
    terminal=$!
    exec 3>keys
}
# shows TEXT: wait until the terminal shows a line that ends so.
shows() {
    wait_for grep -q "$1.\$" shown || not_ok "the terminal shows $1" "$(cat shown)"
}
# end_terminal: until the script has ended; sets status and out.
end_terminal() {
    status=0
    wait "$terminal" || status=$?
    exec 3>&-
    out=$(tr -d '\r' <shown)
}
# In a script: in front of the terminal or not.
front='front() { read -r _ _ _ _ group _ _ front _ </proc/$$/stat; [ $group = $front ] && echo front || echo behind; }'

terminal "$front
front
\"\$CORRAL\" lock /l sh -c '$front; front'
front"
end_terminal
is 'the command is in front, and then we are again' "$status $(echo "$out" | tr '\n' ' ')" '0 front front front '

terminal 'echo words | "$CORRAL" lock /l sh -c '\''
    read -r _ _ _ _ group _ _ front _ </proc/$$/stat; [ $group = $front ] || echo behind
    read -r line; echo "piped $line"; read -r line </dev/tty; echo "typed $line"'\'
shows 'piped words'
echo more >&3
end_terminal
is 'in a pipeline it comes to the front when it asks for the terminal' "$status $(echo "$out" | tr '\n' ' ')" \
    '0 behind piped words more typed more '

for stdin in '' '</dev/null'; do
    terminal "for i in 1 2; do \"\$CORRAL\" lock /l sh -c 'echo running; exec tail -f /dev/null' $stdin; done; echo after"
    shows running
    printf '\003' >&3
    end_terminal
    is "Ctrl-C ends the command, and the script around it${stdin:+, $stdin}" \
        "$status $(echo "$out" | tr -d '\n')" '130 running^C'
    is '... and the lock is free' "$("$CORRAL" lock ls /l)" ''
done

terminal 'set -m
"$CORRAL" lock /l sh -c '\''echo running; read -r line; echo "got $line"'\''
echo "stopped $?"
fg >/dev/null
echo "ended $?"'
shows running
printf '\032' >&3
shows 'stopped 148'
is 'Ctrl-Z stops both, and the lock is held' "$("$CORRAL" lock ls /l | cut -d ' ' -f 1)" holds
echo words >&3
end_terminal
matches '... and fg has both go on' "$(echo "$out" | tail -n 2 | tr '\n' ' ')" 'got words ended 0 '

terminal 'set -m
"$CORRAL" lock /l sh -c '\''echo running; while :; do read -r line; echo "got $line"; done'\''
echo "stopped $?"
"$CORRAL" lock -w 60 /l echo "other has it"
fg >/dev/null
echo "ended $?"'
shows running
printf '\032' >&3
shows 'stopped 148'
echo words >&3
end_terminal
is 'stopped for too long: the lock is lost, and the command does nothing more' \
    "$(echo "$out" | grep -c '^got ') $(echo "$out" | tail -n 1)" '0 ended 120'

terminal '"$CORRAL" lock /l sh -c "kill -TSTP \$\$; echo on"; echo "ended $?"'
end_terminal
is 'Ctrl-Z where nobody could continue it' "$(echo "$out" | tr '\n' ' ')" 'on ended 0 '

terminal '"$CORRAL" lock /l sh -c "trap \"echo told; exit 5\" INT; echo running; read -r _"; echo "ended $?"'
shows running
printf '\003' >&3
end_terminal
is 'a command that takes Ctrl-C for itself' "$(echo "$out" | tr -d '^C' | tr '\n' ' ')" 'running told ended 5 '

finish
