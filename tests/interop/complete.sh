#!/bin/bash
# SPDX-License-Identifier: MIT
# Completion: what platter offers is what its help has, and bash puts it to use. Of the PowerShell module, which nothing here
# can run, only what it asks platter for is checked: commands, options and members of the JSON exist.
set -u
. tests/lib.sh
platter=${PLATTER_HOST:-build/host}/platter
[ -x "$platter" ] || { not_ok "$platter has been built"; finish; }
offered() { "$platter" __complete "$@" | cut -f1; }
is() { [ "$(offered "${@:2}" | tr '\n' ' ')" = "$1" ] || { offered "${@:2}"; return 1; }; }

help_commands=$("$platter" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\).*/\1/p' | sort -u)
check "all commands of the help" [ "$(offered : | sort)" = "$help_commands" ]
check "by their beginning" is "info " :in
check "the second word of two" is "commit discard " : overlay
check "by its beginning" is "discard " :d overlay
same_options() {
    for command in info convert create verify serve "overlay commit"; do
        # shellcheck disable=SC2086
        [ "$("$platter" $command --help | grep -o '^  --[a-z-]*' | tr -d ' ' | sort)" = "$(offered :-- $command | sort)" ] || {
            echo "$command"
            return 1
        }
    done
}
check "all options of each command's help" same_options
check "by their beginning, not those that are given" is "--format " :--fo info --password-file p --json
check "not twice" is "" :--form info --format raw
check "options before a command" is "--json --help --version " :--
check "the formats, where one is wanted" eval '[ "$(offered : info --format | sort)" = "$("$platter" --version --json |
    python3 -c "import json, sys; print(*sorted(json.load(sys.stdin)[\"formats\"]), sep=chr(10))")" ]'
check "files are the shell's, so nothing" is "" : info
check "nor behind --" is "" :-- info --
check "nor for a word that is none" is "" : nonsense
check "nor values that are the user's own" is "" : convert --partition
check "each line tells what it is" eval '! "$platter" __complete :-- convert | grep -v "	."'
refuses "a question without its colon is no command" 2 "there is no command" "$platter" __complete info

in_bash() {
    bash --norc --noprofile -c '. setup/completion/platter.bash
        COMP_WORDS=("$0" "$@") COMP_CWORD=$#
        _platter
        printf "%s\n" "${COMPREPLY[@]}"' "$platter" "$@"
}
check "bash: a command" [ "$(in_bash con)" = convert ]
check "bash: an option" [ "$(in_bash overlay commit --hel)" = --help ]
check "bash: a file's name with spaces before it" [ "$(in_bash info "a b.img" --js)" = --json ]
check "bash: is registered with files for the rest" bash --norc -c '. setup/completion/platter.bash; complete -p platter' </dev/null

module=setup/powershell/Platter/Platter.psm1
module_options() {
    for option in $(grep -o "'--[a-z-]*'\|\"--[a-z-]*=" "$module" | tr -d "'\"=" | sort -u); do
        grep -qF "\"${option#--}\"" cli/cmd_mount_win32.c cli/cmd_unmount_win32.c cli/arguments.c cli/overlay.h cli/image.h ||
            { echo "$option"; return 1; }
    done
}
check "the PowerShell module's options exist" module_options
members() {
    for member in letter volumes image error name message file hint; do
        grep -rqF "\"$member\"" cli mount || { echo "$member"; return 1; }
    done
}
check "and the members of the JSON that it reads" members
check "its version is that of the project" grep -q "ModuleVersion     = '$(sed -n 's/^project(platter VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)'" \
    setup/powershell/Platter/Platter.psd1
exported() {
    [ "$(grep -o "'[A-Z][a-z]*-Platter[A-Za-z]*'" setup/powershell/Platter/Platter.psd1 | sort)" = \
        "$(sed -n '/^Export-ModuleMember/p' "$module" | grep -o "'[^']*'" | sort)" ]
}
check "what its manifest exports is what it defines" exported
finish
