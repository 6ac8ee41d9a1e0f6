# fish completion of art: commands, options, artifacts, versions, files and runs, all asked of art.
function __art_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c art -a '(__art_complete)'
