/** Shells that a script can be had for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/**
 * What a shell reads so that it can finish command lines of `v4v`.
 * @param program the words that run `v4v`; it is asked by `__complete -- WORD...`, the last of which
 *   is the one to finish.
 */
export function completionScript(shell: Shell, program: readonly string[]): string {
  const quoted = program.map(shell === 'fish' ? quoteForFish : quote).join(' ')
  return scripts[shell].replaceAll('ASK', () => `${quoted} __complete --`)
}

const bash = `# completion of v4v for bash: source <(v4v completion bash)
_v4v() {
  # The words as v4v sees them: bash also parts them at = and : and @.
  local rest=\${COMP_LINE:0:COMP_POINT} before words=() n=-1 i
  for ((i = 0; i < COMP_CWORD; i++)); do
    before=$rest
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    if ((n >= 0)) && [[ $rest == "$before" ]]; then
      words[n]+=\${COMP_WORDS[i]}
    else
      words[++n]=\${COMP_WORDS[i]}
    fi
    rest=\${rest#"\${COMP_WORDS[i]}"}
  done
  local word=\${rest#"\${rest%%[![:space:]]*}"}
  if ((n > 0)) && [[ $word == "$rest" ]]; then
    word=\${words[n]}$rest
    unset "words[n]"
  fi
  # What bash keeps of the word, whatever it is replaced by.
  local parted=\${word%"\${word##*[=:]}"}
  if [[ $word == [\\"\\']* ]]; then word=\${word:1} parted=; fi

  local value about files=
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    if [[ $value == :files ]]; then files=1; else COMPREPLY+=("\${value#"$parted"}"); fi
  done < <(ASK "\${words[@]:1}" "$word" 2>/dev/null)
  if [[ $files ]]; then
    # With nothing to offer bash offers files, if compopt lets it.
    if ((\${#COMPREPLY[@]})); then
      while read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "\${word#"$parted"}")
    fi
  else
    compopt +o default 2>/dev/null
  fi
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace 2>/dev/null
}
complete -o default -F _v4v v4v
`

const zsh = `#compdef v4v
# completion of v4v for zsh, behind compinit: source <(v4v completion zsh)
_v4v() {
  local line value about
  local -a values shown open_values open_shown
  local -i files=0
  for line in "\${(@f)$(ASK "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    value=\${line%%$'\\t'*} about=\${line#*$'\\t'}
    if [[ -z $value ]]; then continue
    elif [[ $value == :files ]]; then files=1
    elif [[ $value == *[:=] ]]; then
      open_values+=("$value") open_shown+=("$value\${about:+  -- $about}")
    else
      values+=("$value") shown+=("$value\${about:+  -- $about}")
    fi
  done
  (($#values)) && compadd -l -d shown -- "\${values[@]}"
  (($#open_values)) && compadd -l -S '' -d open_shown -- "\${open_values[@]}"
  ((files)) && _files
}
if [[ \${funcstack[1]} == _v4v ]]; then _v4v "$@"; else compdef _v4v v4v; fi
`

const fish = `# completion of v4v for fish: v4v completion fish | source
function __v4v_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in (ASK $words[2..-1] "$word" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$word"
        else
            echo $line
        end
    end
end
complete -c v4v -f -a '(__v4v_complete)'
`

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish }

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function quoteForFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
