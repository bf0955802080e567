/** Calls with meaningless bytes or addresses. Where they lead depends on everything that a process has, so only simulated kernels get them. */
import type { Kernel } from "../kernel/kernel.js";
import type { Known } from "./known.js";
import type { Answer } from "./program.js";
import type { Random } from "./random.js";

export function wildCall(random: Random, kernel: Kernel, known: Known): Answer {
	const fd = random.chance(90) && known.fds.length > 0 ? random.pick(known.fds).fd : random.u32() | 0;
	const request = random.chance(90) ? 0x3b00 | random.below(256) : random.u32();
	const where = { addr: known.address(random), length: random.chance(90) ? random.below(5000) : random.below(1 << 22) };
	const bytes = random.bytes(random.below(300));
	if (bytes.length >= 4 && random.chance(60)) new DataView(bytes.buffer).setUint32(0, bytes.length, true);
	const answer = (call: string, ret: number, back?: Uint8Array): Answer => ({
		call: `wild ${call}`,
		ret: `${ret}`,
		...(back && { bytes: Buffer.from(back).toString("hex") }),
	});
	switch (random.below(9)) {
		case 0:
			return answer("read", kernel.read(fd, where));
		case 1:
			return answer("write", kernel.write(fd, where));
		case 2:
			return answer("pread", kernel.pread(fd, where, random.u64() >> BigInt(random.below(64))));
		case 3:
			return answer("pwrite", kernel.pwrite(fd, bytes, random.u64() >> BigInt(random.below(64))));
		case 4:
			return answer("ioctl at", kernel.ioctl(fd, request, known.address(random)));
		case 5:
			return answer("poke", kernel.poke(known.address(random), bytes));
		case 6: {
			const length = random.u64() >> BigInt(random.below(64));
			return answer("mmap", Number(kernel.mmap({ addr: random.u64(), length, prot: random.below(8) })));
		}
		case 7:
			return answer("munmap", kernel.munmap(known.address(random), random.u64() >> BigInt(random.below(64))));
		default:
			return answer("ioctl", kernel.ioctl(fd, request, bytes), bytes);
	}
}
