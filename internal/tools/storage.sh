#!/usr/bin/env bash
# Sourced by the image scripts: b is buildah with a storage that works here.
# Overlay where the kernel allows it, else plain copies (vfs), which are slow but
# work in any container. Files stay under LEVEE_IMAGES, apart from the machine's own images.

images=${LEVEE_IMAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/levee/images}
mkdir -p "$images"

if [[ ! -s $images/driver ]]; then
	driver=vfs
	if probe=$(buildah --root "$images/overlay" --runroot "$images/overlay.run" --storage-driver overlay from scratch 2>/dev/null); then
		if buildah --root "$images/overlay" --runroot "$images/overlay.run" --storage-driver overlay mount "$probe" >/dev/null 2>&1; then
			driver=overlay
		fi
		buildah --root "$images/overlay" --runroot "$images/overlay.run" --storage-driver overlay rm "$probe" >/dev/null 2>&1 || true
	fi
	echo "$driver" >"$images/driver"
fi
storage_driver=$(<"$images/driver")

b() {
	buildah --root "$images/$storage_driver" --runroot "$images/$storage_driver.run" --storage-driver "$storage_driver" "$@"
}
