export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a shell runs at its start so that it completes `program`: it asks `program __complete WORDS`. */
export function completionScript(shell: Shell, program: string): string {
  return { bash, zsh, fish }[shell](program, `_${program}_complete`);
}

const bash = (program: string, name: string): string => `# ${program} completion for bash
${name}() {
  local IFS=$'\\n'
  COMPREPLY=($(${program} __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -F ${name} ${program}
`;

const zsh = (program: string, name: string): string => `#compdef ${program}
${name}() {
  local -a candidates
  candidates=("\${(@f)$(${program} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
if [ "$funcstack[1]" = "_${program}" ]; then
  ${name}
else
  compdef ${name} ${program}
fi
`;

const fish = (program: string): string => `# ${program} completion for fish
complete -c ${program} -f -a '(${program} __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`;
