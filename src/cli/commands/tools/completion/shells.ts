/** The scripts that bash, zsh and fish source to ask iommuctl for completions. */

/**
 * Our own scripts instead of @bomb.sh/tab's: that library needs the whole command tree at once (ours is loaded by what is
 * named), never completes a file, and its script for bash needs the bash-completion package and cannot be sourced twice.
 *
 * All three call `iommuctl completion answer -- WORDS`, the last word being the one at the cursor, and get a line for
 * each candidate, `value TAB description`, and a last line of `:` and a number: 1, files too; 2, no space after it.
 */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** bash splits words at = and :, and replaces only what follows the last of them. */
const bash = `# iommuctl's completion for bash: eval "$(iommuctl completion bash)"
_iommuctl() {
	local line="\${COMP_LINE:0:COMP_POINT}" current prefix value directive=0 file
	local -a words
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	current="\${words[\${#words[@]}-1]}"
	prefix="\${current%"\${current##*[=:]}"}"
	COMPREPLY=()
	while IFS=$'\\t' read -r value _; do
		if [[ $value == :* ]]; then
			directive="\${value#:}"
		else
			COMPREPLY+=("\${value#"$prefix"}")
		fi
	done < <("\${words[0]}" completion answer -- "\${words[@]:1}" 2>/dev/null)
	if ((directive & 1)); then
		compopt -o filenames 2>/dev/null
		while IFS= read -r file; do
			COMPREPLY+=("$file")
		done < <(compgen -f -- "\${current#"$prefix"}")
	fi
	if ((directive & 2)); then
		compopt -o nospace 2>/dev/null
	fi
	return 0
}
complete -F _iommuctl iommuctl
`;

const zsh = `#compdef iommuctl
# iommuctl's completion for zsh: eval "$(iommuctl completion zsh)", after compinit
_iommuctl() {
	local line directive=0
	local -a shown how lines
	lines=("\${(@f)$("\${words[1]}" completion answer -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	for line in "\${lines[@]}"; do
		if [[ $line == :* ]]; then
			directive=\${line#:}
		elif [[ -n $line ]]; then
			shown+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
		fi
	done
	((directive & 2)) && how=(-S '')
	((\${#shown})) && _describe -V iommuctl shown "\${how[@]}"
	((directive & 1)) && _files
	return 0
}
if [[ \${funcstack[1]} == _iommuctl ]]; then
	_iommuctl "$@"
else
	(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
	compdef _iommuctl iommuctl
fi
`;

const fish = `# iommuctl's completion for fish: iommuctl completion fish | source
function __iommuctl_complete
	set -l words (commandline -opc) (commandline -ct)
	for line in ($words[1] completion answer -- $words[2..-1] 2>/dev/null)
		if string match -q ':*' -- $line
			if test (math (string sub -s 2 -- $line) % 2) -eq 1
				__fish_complete_path (commandline -ct)
			end
		else
			echo $line
		end
	end
end
complete -c iommuctl -f -a '(__iommuctl_complete)'
`;

export const shellScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
