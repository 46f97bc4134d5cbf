# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# Words on the terminal. Steps go to standard output; what went wrong goes to standard error,
# as "error:" (what) and "hint:" (what to do), like every command of Casemate.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	BOLD=$'\033[1m' DIM=$'\033[2m' GREEN=$'\033[32m' RED=$'\033[31m' PLAIN=$'\033[0m'
else
	BOLD='' DIM='' GREEN='' RED='' PLAIN=''
fi

STEP=0

# step TITLE: begins a numbered step.
step() {
	STEP=$((STEP + 1))
	printf '\n%s%2d  %s%s\n' "$BOLD" "$STEP" "$*" "$PLAIN"
}

# ok TEXT: something is done and checked.
ok() { printf '    %s✓%s %s\n' "$GREEN" "$PLAIN" "$*"; }

# bad TEXT: something was checked and is wrong; the caller decides what follows.
bad() { printf '    %s✗ %s%s\n' "$RED" "$*" "$PLAIN"; }

# note TEXT: something worth knowing.
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN"; }

# indent: shifts what a command printed under its step.
indent() { sed 's/^/      /'; }

# die ERROR [HINT]: stops the script.
die() {
	printf '%serror:%s %s\n' "$RED" "$PLAIN" "$1" >&2
	if [ $# -gt 1 ]; then printf '%shint:%s  %s\n' "$BOLD" "$PLAIN" "$2" >&2; fi
	exit 1
}

# tail_of FILE: the last lines of a log, for a person who must find out why.
tail_of() {
	if [ -s "$1" ]; then
		printf '    %s── the last lines of %s%s\n' "$DIM" "$1" "$PLAIN" >&2
		tail -n 15 "$1" | sed 's/^/      /' >&2
	fi
}
