# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The step "package" of packaging/test: what ./packaging/build delivers, judged by those who will receive it.
# Reads ROOT WORK LONG.

check_package() {
	local one=$WORK/delivered/here two=$WORK/delivered/a/place/further/away
	step "Two builds, in two folders"
	build_twice "$one" "$two"
	DELIVERED=$one/packaging/out
	(cd "$DELIVERED" && sha256sum --check --quiet SHA256SUMS)
	grep -vxFf "$DELIVERED/SHA256SUMS" "$two/packaging/out/SHA256SUMS" && return 1
	ok "the same checksums: $(wc -l <"$two/packaging/out/SHA256SUMS") files of $(wc -l <"$DELIVERED/SHA256SUMS")"
	unpack
	judge_packages
	judge_programs
	judge_manuals
	judge_bills
	judge_rules
}

# build_twice ONE TWO: the commit, cloned and built in each; the second time without the clients for other
# systems. With --long they are built twice too, and nothing is shared, not even the compiler's cache: a path
# which only the compiler sees would show.
build_twice() {
	local dir
	for dir in "$@"; do
		git clone --quiet --no-hardlinks "$ROOT" "$dir"
		git -C "$dir" checkout --quiet "$(git -C "$ROOT" rev-parse HEAD)"
	done
	if [ -n "$LONG" ]; then # without the tag of the long tests, which the programs would remember
		for dir in "$@"; do
			GOFLAGS=${GOFLAGS%-tags=long} GOCACHE=$WORK/cache-$(basename "$dir") "$dir/packaging/build"
		done
		cmp "$1/packaging/out/SHA256SUMS" "$2/packaging/out/SHA256SUMS"
	else
		"$1/packaging/build"
		"$2/packaging/build" --no-clients
	fi
}

unpack() {
	mkdir -p "$WORK/unpacked"
	local name
	for name in casemate casemate-appliance; do
		dpkg-deb --extract "$DELIVERED/${name}"_*.deb "$WORK/unpacked/$name"
		dpkg-deb --control "$DELIVERED/${name}"_*.deb "$WORK/unpacked/$name.control"
	done
	APPLIANCE=$WORK/unpacked/casemate-appliance CLIENT=$WORK/unpacked/casemate
}

# judge_packages: lintian, and whose each file is.
judge_packages() {
	local name
	step "Packages"
	lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$DELIVERED"/*.deb
	ok "lintian has nothing to say but what lintian-overrides explain"
	for name in casemate casemate-appliance; do
		dpkg-deb --contents "$DELIVERED/${name}"_*.deb >"$WORK/contents"
		awk -v name="$name" '
			$2 != "root/root" { print "not of root: " $0; bad = 1 }
			/^d/ && $1 != "drwxr-xr-x" { print "an odd folder: " $0; bad = 1 }
			/^-/ && $1 != (($6 ~ /^\.\/usr\/bin\/|\.sh$/) ? "-rwxr-xr-x" : "-rw-r--r--") { print "an odd mode: " $0; bad = 1 }
			/^[^d-]/ { print "neither file nor folder: " $0; bad = 1 }
			$6 ~ /^\.\/(var|run|home|root|srv|tmp)\// { print "not a place for a package: " $0; bad = 1 }
			END { exit bad }' "$WORK/contents"
		(cd "$WORK/unpacked/$name" && md5sum --check --quiet "../$name.control/md5sums")
	done
	grep -qx '/etc/apparmor.d/casemate' "$WORK/unpacked/casemate-appliance.control/conffiles"
	grep -q '^Depends: libc6 (>= ' "$WORK/unpacked/casemate-appliance.control/control"
	ok "every file is root's, for all to read and for none to change; nothing where data lie"
	for name in casemate.service casemate-hsm.service casemate.socket; do test -s "$APPLIANCE/lib/systemd/system/$name"; done
	for name in sysusers.d tmpfiles.d; do test -s "$APPLIANCE/usr/lib/$name/casemate.conf"; done
	ok "services, users and folders"
}

# judge_programs: each is what its name says, and tells its version and commit.
judge_programs() {
	local file kind commit
	step "Programs"
	commit=$(git -C "$ROOT" rev-parse HEAD)
	"$APPLIANCE/usr/bin/casemated" version | grep -qF " ($commit, go"
	"$CLIENT/usr/bin/casemate" version | grep -qF " (${commit:0:12})"
	ok "version and commit stand in both"
	for file in "$DELIVERED"/casemate_*_{linux,macos,windows}_*; do
		case $file in
		*linux_amd64) kind='ELF 64-bit LSB executable, x86-64.* statically linked' ;;
		*linux_arm64) kind='ELF 64-bit LSB executable, ARM aarch64.* statically linked' ;;
		*macos_amd64) kind='Mach-O 64-bit x86_64 executable' ;;
		*macos_arm64) kind='Mach-O 64-bit arm64 executable' ;;
		*windows_amd64.exe) kind='PE32\+ executable .*x86-64' ;;
		*windows_arm64.exe) kind='PE32\+ executable .*(Aarch64|ARM64)' ;;
		*) kind='nothing else is delivered' ;;
		esac
		if ! file --brief "$file" | grep -qE "$kind"; then
			echo "$file is not: $kind"
			file "$file"
			return 1
		fi
	done
	"$(echo "$DELIVERED"/casemate_*_linux_amd64)" version
	file --brief "$APPLIANCE/usr/bin/casemated" | grep -q 'pie executable.*dynamically linked.*stripped'
	readelf --dynamic "$APPLIANCE/usr/bin/casemated" | grep -q 'BIND_NOW'
	ok "the clients for six systems, static; the daemon position independent, bound at its start"
	for file in "$APPLIANCE"/usr/share/bash-completion/completions/casemated "$CLIENT"/usr/share/bash-completion/completions/casemate; do
		PATH=$APPLIANCE/usr/bin:$CLIENT/usr/bin:$PATH bash -euc '
			set +eu; compopt() { :; } # which works while somebody types, alone
			. /usr/share/bash-completion/bash_completion; . "$1"; name=$(basename "$1"); complete -p "$name" >/dev/null || exit
			COMP_WORDS=("$name" ver) COMP_CWORD=1 COMP_LINE="$name ver" COMP_POINT=${#COMP_LINE}
			"__start_$name"; [ "${COMPREPLY[0]%% *}" != "" ] && [[ "${COMPREPLY[*]}" == ver* ]]' - "$file"
	done
	ok "bash completes: ver<TAB>"
}

# judge_manuals: no reader of manual pages has anything to say.
judge_manuals() {
	local page said
	step "Manual pages"
	find "$WORK/unpacked" -path '*/man/*' -name '*.gz' | sort >"$WORK/pages"
	[ "$(wc -l <"$WORK/pages")" -ge 6 ]
	while read -r page; do
		said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings --encoding=UTF-8 --troff-device=utf8 --local-file "$page" 2>&1 >"$WORK/page")
		said=$said$(zcat "$page" | mandoc -T lint -W warning 2>&1 || true)
		if [ -n "$said" ]; then
			printf '%s:\n%s\n' "$page" "$said"
			return 1
		fi
		[ "$(wc -l <"$WORK/page")" -gt 40 ]
	done <"$WORK/pages"
	ok "$(wc -l <"$WORK/pages") pages"
}

# judge_bills: the bill in each package names each module of the very program in it.
judge_bills() {
	local bill name module version
	step "Bills of materials"
	for name in casemate/casemate casemate-appliance/casemated; do
		bill=$WORK/bill
		zcat "$WORK/unpacked/${name%/*}/usr/share/doc/${name%/*}/sbom.cdx.json.gz" >"$bill"
		cmp "$bill" "$DELIVERED/${name%/*}"_*.cdx.json
		go version -m "$WORK/unpacked/${name%/*}/usr/bin/${name#*/}" | awk '
			$1 == "dep" { if (last) print last; last = $2 " " $3 } $1 == "=>" { last = $2 " " $3 } END { print last }' >"$WORK/modules"
		[ "$(wc -l <"$WORK/modules")" -ge 10 ]
		while read -r module version; do
			if ! grep -A 1 -F "\"name\": \"$module\"" "$bill" | grep -qF "\"version\": \"$version\""; then
				echo "$module $version is not in the bill of ${name%/*}"
				return 1
			fi
			zgrep -qF -- "---- $module $version, " "$WORK/unpacked/${name%/*}/usr/share/doc/${name%/*}/modules.gz"
		done <"$WORK/modules"
		grep -qF "$(sha256sum <"$WORK/unpacked/${name%/*}/usr/bin/${name#*/}" | cut -d ' ' -f 1)" "$bill"
		ok "${name%/*}: $(wc -l <"$WORK/modules") modules, each with its terms"
	done
	grep -q '"pkg:deb/debian/libc6@' "$bill"
}

# judge_rules: those who will read the rules check them.
judge_rules() {
	step "Rules"
	promtool check rules packaging/monitoring/casemate.rules.yml
	promtool test rules packaging/monitoring/casemate.rules_test.yml
	ok "promtool: each alert is raised by what it is for and by nothing else"
	unshare --net nft --check --file "$APPLIANCE/usr/share/doc/casemate-appliance/examples/casemate.nft"
	ok "nft takes the network rules"
	apparmor_parser --skip-kernel-load --skip-cache "$APPLIANCE/etc/apparmor.d/casemate"
	ok "apparmor_parser takes the profiles"
}
