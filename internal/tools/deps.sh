#!/usr/bin/env bash
# Installs the Debian packages that a group of make targets needs.
#
#   deps.sh test|clients|lint|image|bench…
#
# Takes milliseconds when everything is there, and touches nothing then. On
# systems other than Debian it says what is needed and goes on.
set -euo pipefail

packages=()
for group in "$@"; do
	case $group in
	# The race detector needs a C compiler, the README's commands need curl, and each shell judges its own completions.
	test) packages+=(gcc libc6-dev git curl ca-certificates zsh fish) ;;
	# Debian's own Python library, and npm with its node unless some are here from elsewhere.
	clients)
		packages+=(python3-urllib3 ca-certificates)
		command -v node >/dev/null || packages+=(nodejs)
		command -v npm >/dev/null || packages+=(npm)
		;;
	lint) packages+=(git shellcheck) ;;
	image) packages+=(buildah crun netavark uidmap fuse-overlayfs busybox-static ca-certificates) ;;
	# Whom Levee is measured against, and by what.
	bench) packages+=(nginx haproxy varnish caddy wrk nghttp2-client) ;;
	*)
		echo "deps.sh: unknown group '$group': test, clients, lint, image or bench" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps.sh: not a Debian system; make sure that these are installed: ${packages[*]}" >&2
	exit 0
fi

missing=()
for package in "${packages[@]}"; do
	if [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
		missing+=("$package")
	fi
done
if ((${#missing[@]} == 0)); then
	exit 0
fi

root=()
if ((EUID != 0)); then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
		echo "deps.sh: run as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	root=(sudo)
fi

echo "deps.sh: installing ${missing[*]}" >&2
# A stale index of one source must not stop what the others can give.
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 || true
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" >&2
