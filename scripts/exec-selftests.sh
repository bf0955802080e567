#!/usr/bin/env bash
# Runs the kernel's own selftests of iommufd under `iommuctl exec` and holds their counts. CI does not run it.
# usage: scripts/exec-selftests.sh FOLDER       FOLDER has the built programs iommufd and iommufd_fail_nth of Linux 7.3
#                                               (make -C tools/testing/selftests/iommu)
# Exit code 0 only if iommufd has 233 passed, 8 failed (all of them with DMA-bufs, as on the real 7.3.4) and 5 skipped, and
# iommufd_fail_nth 8 of 8; 3 if something is missing here.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${1:?usage: scripts/exec-selftests.sh FOLDER}
missing() { echo "exec-selftests: $*" >&2 && exit 3; }
for program in iommufd iommufd_fail_nth; do
	[ -x "$folder/$program" ] || missing "$folder/$program is missing: make -C tools/testing/selftests/iommu, and name the folder"
done
pages=$(cat /proc/sys/vm/nr_hugepages)
[ "$pages" -ge 256 ] || missing "20 tests want huge pages, of which there are $pages: sysctl vm.nr_hugepages=256, as root"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
hold() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then echo "$1: $2"; else echo "$1: $2; expected: $3" && bad=1; fi
}
run() {
	node "$root/bin/iommuctl.js" exec -- "$folder/$1" >"$out/$1" 2>"$out/$1.err"
	totals=$(sed -n 's/^# Totals: pass:\([0-9]*\) fail:\([0-9]*\) xfail:0 xpass:0 skip:\([0-9]*\) error:0$/\1 passed, \2 failed, \3 skipped/p' "$out/$1")
	[ -n "$totals" ] || tail -n 5 "$out/$1" "$out/$1.err"
}
run iommufd
hold iommufd "$totals" "233 passed, 8 failed, 5 skipped"
hold "iommufd's failures without DMA-bufs" "$(grep '^not ok' "$out/iommufd" | grep -vc dmabuf)" 0
grep '^not ok' "$out/iommufd" | grep -v dmabuf
run iommufd_fail_nth
hold iommufd_fail_nth "$totals" "8 passed, 0 failed, 0 skipped"
exit $bad
