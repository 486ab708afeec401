# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of platter's commands and options for bash: `. platter.bash`, or a copy of this in
# /usr/share/bash-completion/completions/platter. The words come from the program itself; where it offers none, files do.
_platter() {
    local word
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        [ -z "$word" ] || COMPREPLY+=("$word")
    done < <("${COMP_WORDS[0]}" __complete ":${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)
}
complete -o default -F _platter platter
