# shellcheck shell=bash disable=SC2154 # names shared with who sources this
# Manual pages: packaging/man/LANGUAGE/*, in which the line ".\" COMMANDS PROGRAM" stands for what the
# program itself says of each of its commands, in that language. Reads ROOT MADE; writes MADE/man.

# make_manuals: each page of each language, compressed, without a time in it.
make_manuals() {
	local page language
	for page in "$ROOT"/packaging/man/*/*.[1-8]; do
		language=$(basename "$(dirname "$page")")
		mkdir -p "$MADE/man/$language"
		manual "$page" "$language" | gzip -9n >"$MADE/man/$language/$(basename "$page").gz"
	done
}

# manual FILE LANGUAGE: the page, its commands filled in, its date and version the build's.
manual() {
	local line
	while IFS= read -r line; do
		case $line in
		'.\" COMMANDS '*) commands_of "$2" "$MADE/${line#'.\" COMMANDS '}" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$1" | sed -e "s/@DATE@/$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)/" -e "s/@VERSION@/$VERSION/"
}

# commands_of LANGUAGE PROGRAM [WORD...]: what each command says of itself, the commands below it included.
# The flags that every command has are left out: the page itself tells them.
commands_of() {
	local language=$1 program=$2 name
	shift 2
	if [ $# -gt 0 ]; then
		printf '.SS "%s"\n.EX\n' "$*"
		in_language "$language" "$program" "$@" --help | awk '
			/^(Flags of every command|Global Flags|Options de toutes les commandes)/ { skip = 1; next }
			skip && /^$/ { skip = 0 }
			!skip' | sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g' | cat -s
		printf '.EE\n'
	fi
	for name in $(in_language "$language" "$program" __complete "$@" '' 2>/dev/null | awk -F '\t' '/^[:-]/ { exit } { print $1 }'); do
		case $name in
		help | completion) ;; # cobra's own
		*) commands_of "$language" "$program" "$@" "$name" ;;
		esac
	done
}

in_language() {
	local language=$1
	shift
	case $language in
	fr) LC_ALL=fr_FR.UTF-8 LANG=fr_FR.UTF-8 "$@" ;;
	*) LC_ALL=C.UTF-8 LANG=C.UTF-8 "$@" ;;
	esac
}
