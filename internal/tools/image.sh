#!/usr/bin/env bash
# Builds Levee's image from the Dockerfile with buildah: no daemon, no registry.
#
#   image.sh TAG [VERSION]
#
# The Dockerfile's first stage wants a Go image. With LEVEE_GO_IMAGE=golang:1.26
# it is pulled; without, one is made here from busybox and the machine's own Go
# tree, so that the image builds where no registry can be reached. That build
# shares the machine's module and build caches, and needs no network at all.
set -euo pipefail

tag=${1:?usage: image.sh TAG [VERSION]}
version=${2:-devel}
cd "$(dirname "$0")/../.."

# shellcheck source=internal/tools/storage.sh
source internal/tools/storage.sh

# go_base NAME makes the local Go image.
go_base() {
	local name=$1 goroot busybox certificates container root
	goroot=$(go env GOROOT)
	busybox=$(command -v busybox)
	certificates=/etc/ssl/certs/ca-certificates.crt
	[[ -s $certificates ]] || {
		echo "image.sh: $certificates is missing: install ca-certificates" >&2
		return 1
	}

	container=$(b from scratch)
	root=$(b mount "$container")
	mkdir -p "$root"/{bin,tmp,go,root,usr/local/go,etc/ssl/certs}
	chmod 1777 "$root/tmp"
	cp -L "$busybox" "$root/bin/busybox"
	chroot "$root" /bin/busybox --install -s /bin
	cp -L "$certificates" "$root/etc/ssl/certs/"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	# Only what go build reads; -h because distributions scatter the tree behind symlinks.
	tar -C "$goroot" -chf - --exclude='*_test.go' --exclude=testdata \
		bin/go pkg/include pkg/tool src lib go.env VERSION | tar -C "$root/usr/local/go" -xf -
	b config \
		--env PATH=/usr/local/go/bin:/bin --env HOME=/root --env GOPATH=/go \
		--env GOPROXY=off --env GOTOOLCHAIN=local --workingdir /go "$container"
	b commit --quiet --rm "$container" "$name" >/dev/null
}

arguments=()
if [[ -z ${LEVEE_GO_IMAGE:-} ]]; then
	LEVEE_GO_IMAGE=localhost/levee-go:$(go env GOVERSION)
	b inspect --type image "$LEVEE_GO_IMAGE" >/dev/null 2>&1 || go_base "$LEVEE_GO_IMAGE"
	go mod download
	mkdir -p "$(go env GOCACHE)"
	arguments+=(
		--pull-never
		--volume "$(go env GOMODCACHE):/go/pkg/mod"
		--volume "$(go env GOCACHE):/root/.cache/go-build"
	)
fi

# --format docker: the OCI format has no HEALTHCHECK.
b bud --isolation chroot --format docker --layers=false \
	"${arguments[@]}" \
	--build-arg GO_IMAGE="$LEVEE_GO_IMAGE" \
	--build-arg VERSION="$version" \
	--tag "$tag" .

# The image that had the tag before is of no use to anybody.
b rmi --prune >/dev/null 2>&1 || true
b images --format '{{.Name}}:{{.Tag}} {{.Size}}' "$tag"
