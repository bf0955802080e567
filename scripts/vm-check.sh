#!/usr/bin/env bash
# Runs iommuctl on a real kernel in a virtual machine and compares its answers with the simulated kernel's. CI does not run it.
# usage: scripts/vm-check.sh VM [golden] [scripts] [tests] [exports]        (no part named: all of them)
# VM is a program that boots a Linux 7.3 with CONFIG_IOMMUFD_TEST on this machine's root file system and runs a job there as root:
#   VM --share DIR --timeout SECONDS JOB [ARG...]       DIR is the job's current folder, writable; its output is printed
# golden:   every suite of test/fixtures/golden replays without a difference
# scripts:  scripts/examples and scripts/repro print what they print on the simulated kernel, IDs too
# tests:    the tests that can run on a real kernel pass (IOMMUCTL_TEST_KERNEL=real)
# exports:  what these scripts do, recorded on the simulated kernel and exported as C, gets the same answers
# Exit code 0 only if all of it held. It takes about 20 minutes where the machine is emulated.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 3
vm=${1:?usage: scripts/vm-check.sh VM [golden] [scripts] [tests] [exports]}
shift
parts=${*:-golden scripts tests exports}
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
npm run --silent build || exit 3

# Scripts that need hardware or a proposal that only the simulated kernel has do not fit.
fitting() { grep -LE '^require (kernel sim|device|uapi)' scripts/examples/*.iommu scripts/repro/*.iommu; }
mkdir -p "$share/sim" "$share/real" "$share/c"
for file in $(fitting); do
	name=$(basename "$file" .iommu)
	case " $parts " in *" scripts "*) node bin/iommuctl.js run "$file" --kernel sim >"$share/sim/$name" 2>&1 ;; esac
	case " $parts " in *" exports "*)
		node bin/iommuctl.js run "$file" --kernel sim --record "$share/c/$name.jsonl" >/dev/null 2>&1
		node bin/iommuctl.js trace export --c "$share/c/$name.jsonl" -o "$share/c/$name.c" &&
			cc -O1 -Wall -Werror -o "$share/c/$name" "$share/c/$name.c" || echo "$name: no C program" >>"$share/failed"
		;;
	esac
done
fitting >"$share/fitting"

# Numbers of files and addresses of memory are each kernel's own. Only the simulated one says why a call failed; of the real one a
# note says at least who holds what is in use. Only the simulated one sees what became of events and page requests.
plain() { awk '{ at = match($0, /[^ ]/) } at != told { told = 0 } !told && /^ *why: / { told = at + 5; next } !told' "$1" | sed -E -e '/^kernel: /d' -e '/^ *note: .* is held by /d' -e '/^ *note: (an event was dropped|the page requests of .* were answered)/d' -e 's/(\bfile |fd=)[0-9]+/\1N/g' -e 's/\b([0-9]+) == \1$/N == N/' -e 's/0x7[0-9a-f]{11}/ADDRESS/g' -e 's/^( +)0?0007[0-9a-f]{8,}/\1ADDRESS/'; }

cp scripts/vm-check-guest.sh "$share/guest.sh"
"$vm" --share "$share" --timeout "${VM_CHECK_TIMEOUT:-3600}" "$share/guest.sh" "$root" "$(command -v node)" $parts || echo "the machine: exit $?" >>"$share/failed"
case " $parts " in *" scripts "*)
	for file in $(fitting); do
		name=$(basename "$file" .iommu)
		if diff <(plain "$share/sim/$name") <(plain "$share/real/$name") >"$share/difference"; then
			echo "same   $file"
		else
			echo "differs $file"
			head -n 20 "$share/difference"
			echo "$file prints something else" >>"$share/failed"
		fi
	done
	;;
esac
if [ -s "$share/failed" ]; then
	cat "$share/failed"
	exit 1
fi
echo "all held: $parts"
