# bash completion of art: commands, options, artifacts, versions, files and runs, all asked of art.
_art() {
    local line=${COMP_LINE:0:COMP_POINT} words current
    read -ra words <<< "$line"
    [[ $line == *' ' ]] && words+=('')
    current=${words[-1]}
    mapfile -t COMPREPLY < <("${words[0]}" complete -- "${words[@]:1}" 2> /dev/null)
    # bash takes `:`, `@` and `=` for ends of words: it wants only what comes after the last.
    local before=${current%"${current##*[:@=]}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    # A version or a path goes on.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace
}
complete -o default -F _art art
