#!/usr/bin/env bash
# Runs programs in C (static, with glibc and musl), Go and Rust under `iommuctl exec`, as far as there are compilers. CI does not run it.
# usage: scripts/exec-languages.sh      GO, MUSL_GCC and RUSTC name other compilers than go, musl-gcc and rustc
# Exit code 1 if one of them does not say what it should; a compiler that is missing is said.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sources=$root/scripts/exec-languages
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
try() { # NAME EXPECTED COMPILER...; it writes $out/NAME
	local name=$1 expected=$2 said
	shift 2
	command -v "$1" >/dev/null || { echo "$name: skipped, $1 is missing" && return; }
	"$@" || { echo "$name: cannot be compiled" && bad=1 && return; }
	said=$(timeout 60 node "$root/bin/iommuctl.js" exec -- "$out/$name" 2>&1)
	if [ "$said" = "$expected" ]; then echo "$name: ok"; else printf '%s: says:\n%s\nexpected:\n%s\n' "$name" "$said" "$expected" && bad=1; fi
}
try glibc "803 IOASes" gcc -static -pthread -O1 "$sources/program.c" -o "$out/glibc"
try musl "803 IOASes" "${MUSL_GCC:-musl-gcc}" -static -pthread -O1 "$sources/program.c" -o "$out/musl"
export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=mod GOCACHE="$out/cache"
try go "true 0 failed" "${GO:-go}" build -C "$sources/go" -o "$out/go" .
try rust "[1, 2, 3, 4, 5, 6, 7, 8] Err(Some(22))
as stdin: 9" "${RUSTC:-rustc}" -O "$sources/program.rs" -o "$out/rust"
exit $bad
