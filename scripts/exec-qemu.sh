#!/usr/bin/env bash
# Boots guests in QEMU under `iommuctl exec`, with a simulated device, and has them do DMA through it. CI does not run it.
# usage: scripts/exec-qemu.sh KERNEL [QEMU]     KERNEL: a Linux for x86-64 with all of this built in: VT-d, VFIO for PCI, iommufd
#                                               QEMU: 10 or later (default: qemu-system-x86_64); the third guest wants 11
# It needs gcc with a static C library. Exit code 0 only if each guest says that all of it worked; 3 if something is missing here.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kernel=${1:?usage: scripts/exec-qemu.sh KERNEL [QEMU]}
qemu=${2:-qemu-system-x86_64}
missing() { echo "exec-qemu: $*" >&2 && exit 3; }
[ -r "$kernel" ] || missing "$kernel cannot be read: name the kernel that the guest is to run"
"$qemu" -object help 2>/dev/null | grep -qw iommufd || missing "$qemu has no iommufd backend: QEMU 10 or later is wanted"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
gcc -O1 -static -o "$out/init" "$root/scripts/exec-qemu-guest.c" || missing "the guest's program could not be compiled: gcc and a static C library are wanted"

# An initramfs with that program and a console (a "newc" archive).
entry() { # NAME MODE MAJOR MINOR [FILE]
	local size=0
	[ -z "${5:-}" ] || size=$(stat -c %s "$5")
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' 1 "$2" 0 0 1 0 "$size" 0 0 "$3" "$4" $((${#1} + 1)) 0 "$1"
	head -c $(((4 - (110 + ${#1} + 1) % 4) % 4)) /dev/zero
	[ -z "${5:-}" ] || cat "$5"
	head -c $(((4 - size % 4) % 4)) /dev/zero
}
{
	entry dev $((8#40755)) 0 0
	entry dev/console $((8#20600)) 5 1
	entry init $((8#100755)) 0 0 "$out/init"
	entry 'TRAILER!!!' 0 0 0
} >"$out/initrd"

bad=0
guest() { # NAME COMMAND_LINE OPTION...
	local name=$1 line=$2
	shift 2
	echo "== $name"
	rm -f "$out/trace"
	timeout 300 node "$root/bin/iommuctl.js" exec --machine vtd --record "$out/trace" -- "$qemu" -M q35 -accel tcg -cpu max -m 256M \
		-display none -nic none -vga none -serial stdio -no-reboot -kernel "$kernel" -initrd "$out/initrd" \
		-append "console=ttyS0 panic=-1 quiet no_timer_check $line" \
		-object iommufd,id=i0 "$@" -device vfio-pci,host=0000:00:10.0,iommufd=i0 </dev/null 2>&1 | tr -d '\r' | tee "$out/said"
	grep -q '^guest: done' "$out/said" || bad=1
}
made() { # CALL: QEMU has made it, and it succeeded
	local count
	count=$(node "$root/bin/iommuctl.js" trace show "$out/trace" | grep -c "$1.*) = 0")
	echo "QEMU's calls like $1: $count"
	[ "$count" -gt 0 ] || bad=1
}
has() { "$qemu" -device intel-iommu,help 2>/dev/null | grep -q "$1="; }

guest "edu through the simulated VT-d" ""
if has caching-mode; then
	guest "the guest's own iommufd, its mappings copied by QEMU" "intel_iommu=on,sm_on guest=iommufd" \
		-device intel-iommu,scalable-mode=on,caching-mode=on
	made IOMMU_IOAS_MAP
else
	echo "the second guest was skipped: this QEMU has no intel-iommu with a caching mode"
fi
if has fsts; then
	guest "the guest's own iommufd, its page tables nested" "intel_iommu=on,sm_on guest=iommufd" \
		-device intel-iommu,scalable-mode=on,caching-mode=on,fsts=on
	made 'IOMMU_HWPT_ALLOC.*data_type=VTD_S1'
	made IOMMU_HWPT_INVALIDATE
else
	echo "the third guest was skipped: this QEMU does not nest a guest's page tables (11 does)"
fi
exit $bad
