#!/usr/bin/env bash
# Runs a checker that reports by printing: any output is a failure.
#
#   quiet.sh COMMAND [ARGUMENT…]
set -euo pipefail

status=0
output=$("$@" 2>&1) || status=$?
if [[ -n $output ]]; then
	printf '%s: should be empty:\n%s\n' "$*" "$output" >&2
	exit 1
fi
exit "$status"
