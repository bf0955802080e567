#!/usr/bin/env bash
# What scripts/vm-check.sh has the virtual machine do. usage: vm-check-guest.sh ROOT NODE PART...
set -u
root=$1 node=$2
shift 2
share=$PWD
failed() { echo "$*" | tee -a "$share/failed"; }
# Where it is read from again and again, memory is much faster than the host's files.
mkdir -p /run/p && cp "$node" /run/node || exit 3
cp -a "$root"/{bin,dist,package.json,scripts,src,structs,test,vitest.config.ts} /run/p || exit 3
ln -s "$root/node_modules" /run/p/node_modules
cd /run/p || exit 3
iommuctl() { /run/node /run/p/bin/iommuctl.js "$@"; }
# Programs that map memory where this run of Node has its own: another run has it elsewhere.
again() {
	for program in $(sed -n 's/.*: program \(.*\), step [0-9]*: not run from here on.*/\1/p' /run/said | sort -u); do
		for try in {1..40}; do
			iommuctl replay "$1" --kernel real --program "$program" >/run/said2 2>&1
			rc=$?
			[ $rc = 3 ] || break
		done
		echo "$program alone, try $try: $(sed -n 2p /run/said2)"
		[ $rc = 0 ] || failed "$1: $program: exit $rc"
	done
}
# A stack trace for every injected fault makes the console the slowest part.
for one in failslab fail_page_alloc fail_iommufd; do echo 0 >/sys/kernel/debug/$one/verbose; done

for part; do
	echo "== $part"
	case $part in
	golden)
		for file in test/fixtures/golden/*.jsonl.gz; do
			iommuctl replay "$file" --kernel real >/run/said 2>&1
			rc=$?
			tail -n 20 /run/said
			case $rc in
			0) ;;
			3) again "$file" ;;
			*) failed "$file differs" ;;
			esac
		done
		;;
	scripts)
		while read -r file; do
			iommuctl run "$file" --kernel real >"$share/real/$(basename "$file" .iommu)" 2>&1 || failed "$file: exit $?"
		done <"$share/fitting"
		;;
	exports)
		for program in "$share"/c/*.c; do
			"${program%.c}" >/run/said 2>&1
			rc=$?
			[ $rc = 0 ] || { failed "${program##*/}: exit $rc" && tail -n 5 /run/said; }
		done
		echo "$(ls "$share"/c/*.c | wc -l) programs run"
		;;
	tests)
		# Emulated processors need their time.
		IOMMUCTL_TEST_KERNEL=real /run/node node_modules/vitest/vitest.mjs run --maxWorkers=1 --testTimeout=600000 --hookTimeout=600000 \
			test/sim/iommufd test/sim/iova/placement.test.ts test/kernel/real/dma-buffers.test.ts test/kernel/real/arguments.test.ts \
			test/kernel/real/given-file.test.ts test/cli/real-kernel.test.ts 2>&1 || failed "tests failed"
		;;
	esac
done
exit 0
