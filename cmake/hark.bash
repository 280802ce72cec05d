# SPDX-License-Identifier: MIT
# Completion of the program hark for bash.

_hark() {
    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "run new doctor explain frames --help --version" -- "$word"))
        return
    fi
    case $verb in
    run)
        COMPREPLY=($(compgen -f -X '!*.c' -- "$word") $(compgen -d -- "$word") $(compgen -W "--raw --help" -- "$word"))
        [ "$COMP_CWORD" -gt 2 ] && COMPREPLY+=($(compgen -f -- "$word"))
        ;;
    new) COMPREPLY=($(compgen -W "--cmake --make --help" -- "$word")) ;;
    explain) COMPREPLY=($(compgen -W "$(hark explain 2>/dev/null | cut -d' ' -f1) --help" -- "$word")) ;;
    frames) COMPREPLY=($(compgen -f -- "$word")) ;;
    *) COMPREPLY=($(compgen -W "--help" -- "$word")) ;;
    esac
}
complete -o filenames -F _hark hark
