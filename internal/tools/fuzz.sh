#!/usr/bin/env bash
# Lets every fuzz target of the repository run, each for its share of the time.
#
#   fuzz.sh [SECONDS, of all together; default 60]
#
# What fails is printed, with the input and where it was written.
set -euo pipefail
cd "$(dirname "$0")/../.."

go=${GO:-go}
total=${1:-60}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mapfile -t packages < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u)
targets() { grep -ho '^func Fuzz[A-Za-z0-9]*' "$1"/*_test.go | cut -d ' ' -f 2; }
count=$(for package in "${packages[@]}"; do targets "$package"; done | wc -l)
share=$((total * 1000 / count))

failed=0
for package in "${packages[@]}"; do
	# One binary for all targets of a package; go test would link one for each.
	"$go" test -c -fuzz . -o "$folder/fuzz.test" "$package"
	kept=$("$go" env GOCACHE)/fuzz/$("$go" list "$package") # where go test keeps what it finds
	for target in $(targets "$package"); do
		run=("$folder/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "${share}ms" -test.fuzzcachedir "$kept" -test.fuzzminimizetime 20x -test.timeout 10m)
		# The end of the time, when it comes in the middle of a run, is no failure
		# (https://go.dev/issue/75804, mended in Go 1.27).
		if ! output=$(cd "$package" && "${run[@]}" 2>&1) && ! [[ $output == *"context deadline exceeded"* && $output != *"Failing input"* ]]; then
			printf '%s in %s:\n%s\n' "$target" "$package" "$output" >&2
			failed=1
		fi
	done
done
((failed == 0)) && echo "$count fuzz targets, ${share} ms each: ok"
exit "$failed"
