# shellcheck shell=bash disable=SC2154 # names shared with who sources this
# Debian packages, by dpkg-deb alone: packaging/deb/NAME has the control file, the maintainer scripts and
# the table of files. Reads ROOT WORK OUT MADE VERSION SOURCE_DATE_EPOCH.

# make_package NAME BINARY: OUT/NAME_VERSION_ARCH.deb and its bill of materials.
make_package() {
	local name=$1 from=$ROOT/packaging/deb/$1 tree=$WORK/$1 arch mode to source
	arch=$(dpkg --print-architecture)
	describe "$name" "$2"
	mkdir -p "$tree/DEBIAN"
	while read -r mode to source; do
		case $mode in '' | '#'*) continue ;; esac
		put "$mode" "$tree/$to" "$source"
	done <"$from/files"
	for script in preinst postinst prerm postrm config; do
		if [ -e "$from/$script" ]; then
			sed -e "s/@VERSION@/$VERSION/g" -e "s/@FORMAT@/$(cat "$ROOT/packaging/FORMAT")/g" "$from/$script" >"$tree/DEBIAN/$script"
			chmod 755 "$tree/DEBIAN/$script"
		fi
	done
	if [ -e "$from/templates" ]; then install -m 644 "$from/templates" "$tree/DEBIAN/templates"; fi
	if [ -d "$tree/etc" ]; then (cd "$tree" && find etc -type f -printf '/%p\n' | LC_ALL=C sort >DEBIAN/conffiles); fi
	(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
	control_file "$name" "$2" "$arch" "$tree" >"$tree/DEBIAN/control"
	chmod 644 "$tree"/DEBIAN/{control,md5sums}
	find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$tree" "$OUT/${name}_${VERSION}_$arch.deb" >/dev/null
	cp "$MADE/$name.cdx.json" "$OUT/${name}_${VERSION}_$arch.cdx.json"
	ok "${name}_${VERSION}_$arch.deb"
}

# put MODE FILE SOURCE: SOURCE is a file of the tree (patterns allowed: FILE is then a folder), or @NAME
# for what was made; what ends in .gz and is not yet compressed is.
put() {
	local source file=$2
	case $3 in
	@*) source=$MADE/${3#@} ;;
	*) source=$ROOT/$3 ;;
	esac
	mkdir -p "$(dirname "$file")"
	case $file in
	*/)
		mkdir -p "$file"
		# shellcheck disable=SC2086 # a pattern
		install -m "$1" $source "$file"
		return
		;;
	*.gz)
		if [ "${source%.gz}" = "$source" ]; then
			gzip -9nc "$source" >"$file"
			chmod "$1" "$file"
			return
		fi
		;;
	esac
	install -m "$1" "$source" "$file"
}

# describe NAME BINARY: bill of materials, terms of the modules, copyright, changelog and completion of a package.
describe() {
	go -C "$ROOT" run ./packaging/sbom --name "$1" --version "$VERSION" --out "$MADE/$1.cdx.json" \
		--control "$ROOT/packaging/deb/$1/control" --notices "$MADE/$1.notices" "$2"
	sed "s/@YEAR@/$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y)/" "$ROOT/packaging/deb/copyright" >"$MADE/$1.copyright"
	cat >"$MADE/$1.changelog" <<-END
		$1 ($VERSION) stable; urgency=medium

		  * Built from commit $(git -C "$ROOT" rev-parse HEAD 2>/dev/null || echo unknown).

		 -- $MAINTAINER  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
	END
	"$2" completion bash >"$MADE/$(basename "$2").completion"
}

MAINTAINER='Casemate <maintainers@casemate.example>'

# control_file NAME BINARY ARCH TREE: dpkg-shlibdeps says which libraries, in which versions, it is linked with.
control_file() {
	local libraries='' dir=$WORK/shlibs.$1
	mkdir -p "$dir/debian"
	printf 'Source: %s\nMaintainer: %s\n\nPackage: %s\nArchitecture: any\nDescription: %s\n' "$1" "$MAINTAINER" "$1" "$1" >"$dir/debian/control"
	if ldd "$2" >/dev/null 2>&1; then
		libraries=$(cd "$dir" && dpkg-shlibdeps -O -e "$2" | sed -n 's/^shlibs:Depends=//p')
	fi
	sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCH@/$3/" -e "s/@MAINTAINER@/$MAINTAINER/" -e "s/@LIBRARIES@/$libraries/" \
		-e "s/@SIZE@/$(du -k --apparent-size -s --exclude=DEBIAN "$4" | cut -f 1)/" "$ROOT/packaging/deb/$1/control"
}
