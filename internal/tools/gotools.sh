#!/usr/bin/env bash
# Installs the Go programs that lint and the tests need, each at a pinned
# version, into the folder given. What is there at that version is left alone.
#
#   gotools.sh bin/tools [NAME…]
set -euo pipefail

# The name it gets here, the package, the version.
pinned='
gofumpt              mvdan.cc/gofumpt                              v0.12.0
staticcheck          honnef.co/go/tools/cmd/staticcheck            v0.8.2
h2spec               github.com/summerwind/h2spec/cmd/h2spec       v2.2.1+incompatible
grpc-interop-client  google.golang.org/grpc/interop/client         v1.85.0
grpc-interop-server  google.golang.org/grpc/interop/server         v1.85.0
'

mkdir -p "$1"
into=$(cd "$1" && pwd)
shift
wanted=("$@")

staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT

is_wanted() {
	((${#wanted[@]} == 0)) && return 0
	local name
	for name in "${wanted[@]}"; do
		[[ $name == "$1" ]] && return 0
	done
	return 1
}

# is_built FILE PACKAGE VERSION: the version is asked of the binary itself, so
# that no stamp can lie about it.
is_built() {
	[[ -x $1 ]] || return 1
	go version -m "$1" 2>/dev/null | awk -v package="$2" -v version="$3" '
		$1 == "path" && $2 == package { path = 1 }
		$1 == "mod" && $3 == version { mod = 1 }
		END { exit !(path && mod) }'
}

while read -r name package version; do
	[[ -n $name ]] || continue
	is_wanted "$name" || continue
	if is_built "$into/$name" "$package" "$version"; then
		continue
	fi
	echo "gotools.sh: building $name $version" >&2
	GOBIN=$staging GOFLAGS='' go install "$package@$version"
	# go install names a program by its package's last element; two of ours would be "client" and "server".
	mv "$staging/${package##*/}" "$into/$name"
done <<<"$pinned"
