/** A program that makes random calls, reproducible step by step from seeds. */
import { type Kernel, POLLIN, POLLOUT } from "../../../src/kernel/kernel.js";
import { type Ioctl, ioctls, iommu_hwpt_page_response, iommu_hwpt_pgfault, type StructType } from "../../../structs/index.js";
import { pickIoctl, plan } from "./calls.js";
import { kindOf, randomStruct } from "./fields.js";
import { Known } from "./known.js";
import { Random } from "./random.js";

/** How many files the program keeps open at most. */
const MOST_FILES = 40;

/** The result of one call, in a form that can be compared. */
export interface Answer {
	readonly call: string;
	readonly ret: string;
	/** the returned bytes in hex */
	readonly bytes?: string;
}

export interface ProgramOptions {
	/** paths of VFIO devices, opened now and then; with any, the selftest's calls are few */
	readonly paths?: readonly string[];
	/** percentage of calls with meaningless bytes */
	readonly wild?: number;
}

/** A program that makes calls at random. Each step's numbers come from its own seed, so steps can be left out. */
export class RandomProgram {
	readonly known = new Known();

	constructor(
		readonly kernel: Kernel,
		readonly options: ProgramOptions = {},
	) {
		this.#open("/dev/iommu");
		this.#mmap(64n << 12n);
		const random = new Random(1);
		for (const ioctl of [ioctls.IOMMU_IOAS_ALLOC, ioctls.IOMMU_IOAS_ALLOC]) this.#call(random, ioctl);
	}

	step(seed: number): Answer {
		const random = new Random(seed);
		if (random.chance(this.options.wild ?? 0)) return this.#wild(random);
		const dice = random.below(100);
		if (dice < 72) return this.#call(random, pickIoctl(random, this.options.paths !== undefined));
		if (dice < 80) return this.#read(random);
		if (dice < 84) return this.#write(random);
		if (dice < 86) return this.#poll(random);
		if (dice < 88) return this.#close(random);
		if (dice < 92) return this.#memory(random);
		if (dice < 95) return this.#makeFile(random);
		if (dice < 97) return this.#poke(random);
		return this.#peek(random);
	}

	/** Makes a call whose struct usually makes sense. */
	#call(random: Random, ioctl: Ioctl): Answer {
		const { known } = this;
		const struct = ioctl.struct as StructType | null;
		const kind = ioctl.name.startsWith("VFIO_DEVICE") ? "vfio" : "iommufd";
		const fd = known.fd(random, kind);
		known.use(kind === "iommufd" ? fd : known.first("iommufd"));
		if (struct === null) {
			const value = random.chance(80) ? BigInt(random.below(10)) : random.u64();
			return answer(ioctl.name, this.kernel.ioctl(fd, ioctl.request, value));
		}
		const { fixed, payload } = plan(random, known, ioctl);
		if (payload !== undefined) {
			fixed[struct.offsets.allowed_iovas === undefined ? "data_uptr" : "allowed_iovas"] = payload.addr;
			const parts = Array.from({ length: payload.count }, () => randomStruct(random, known, payload.struct));
			this.kernel.poke(payload.addr, Buffer.concat(parts));
		}
		const bytes = randomStruct(random, known, struct, fixed);
		const ret = this.kernel.ioctl(fd, ioctl.request, bytes);
		if (ret >= 0) this.#learn(ioctl, struct, bytes);
		return answer(ioctl.name, ret, bytes);
	}

	/** Remembers what a call created. */
	#learn(ioctl: Ioctl, struct: StructType, bytes: Uint8Array): void {
		const { known } = this;
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		if (ioctl === ioctls.IOMMU_DESTROY) known.forgetId(view.getUint32(4, true));
		const op = ioctl === ioctls.IOMMU_TEST_CMD ? view.getUint32(struct.offsets.op, true) : undefined;
		for (const field of struct.leaves) {
			if (field.path.includes(".") && !selected(struct, field.path, op)) continue;
			if (field.dir === "out" && field.role === "fd") known.addFile(kindOf(field.name), view.getInt32(field.offset, true));
			else if (field.dir === "out" && /_(?:id|devid)$/.test(field.name))
				known.addId(kindOf(field.name), view.getUint32(field.offset, true));
			else if (field.role === "iova" && ioctl.name.includes("MAP")) known.addIova(view.getBigUint64(field.offset, true));
		}
	}

	/** Makes a call with meaningless bytes or addresses. */
	#wild(random: Random): Answer {
		const { kernel, known } = this;
		const fd = random.chance(90) && known.fds.length > 0 ? random.pick(known.fds).fd : random.u32() | 0;
		const request = random.chance(90) ? 0x3b00 | random.below(256) : random.u32();
		const where = { addr: known.address(random), length: random.chance(90) ? random.below(5000) : random.below(1 << 22) };
		const bytes = random.bytes(random.below(300));
		if (bytes.length >= 4 && random.chance(60)) new DataView(bytes.buffer).setUint32(0, bytes.length, true);
		switch (random.below(9)) {
			case 0:
				return answer("wild read", kernel.read(fd, where));
			case 1:
				return answer("wild write", kernel.write(fd, where));
			case 2:
				return answer("wild pread", kernel.pread(fd, where, random.u64() >> BigInt(random.below(64))));
			case 3:
				return answer("wild pwrite", kernel.pwrite(fd, bytes, random.u64() >> BigInt(random.below(64))));
			case 4:
				return answer("wild ioctl at", kernel.ioctl(fd, request, known.address(random)));
			case 5:
				return answer("wild poke", kernel.poke(known.address(random), bytes));
			case 6:
				return answer(
					"wild mmap",
					Number(kernel.mmap({ addr: random.u64(), length: random.u64() >> BigInt(random.below(64)), prot: random.below(8) })),
				);
			case 7:
				return answer("wild munmap", kernel.munmap(known.address(random), random.u64() >> BigInt(random.below(64))));
			default:
				return answer("wild ioctl", kernel.ioctl(fd, request, bytes), bytes);
		}
	}

	#read(random: Random): Answer {
		const fd = this.known.fd(random, random.pick(["fault", "veventq", "memfd", "iommufd", "vfio"]));
		const size = random.pick([iommu_hwpt_pgfault.size, iommu_hwpt_pgfault.size * 4, 8, 12, 64, random.below(200)]);
		const bytes = new Uint8Array(size);
		const into = random.chance(80) ? bytes : { addr: this.known.address(random), length: size };
		if (random.chance(10)) return answer("pread", this.kernel.pread(fd, into, BigInt(random.below(8192))), bytes);
		return answer("read", this.kernel.read(fd, into), bytes);
	}

	#write(random: Random): Answer {
		const fd = this.known.fd(random, random.pick(["fault", "fault", "memfd", "veventq"]));
		const { size } = iommu_hwpt_page_response;
		const bytes = new Uint8Array(random.chance(90) ? size * (1 + random.below(3)) : random.below(40));
		for (let at = 0; at + size <= bytes.length; at += size)
			iommu_hwpt_page_response.encode({ cookie: 1 + random.below(4), code: random.below(random.chance(90) ? 2 : 4) }, bytes, at);
		if (random.chance(10)) return answer("pwrite", this.kernel.pwrite(fd, bytes, BigInt(random.below(8192))));
		return answer("write", this.kernel.write(fd, bytes));
	}

	#poll(random: Random): Answer {
		const fds = this.known.fds.map(({ fd }) => ({ fd, events: POLLIN | POLLOUT, revents: 0 }));
		if (random.chance(20)) fds.push({ fd: random.below(2000), events: 0xff, revents: 0 });
		const ret = this.kernel.poll(fds, 0);
		return answer(`poll ${fds.map((each) => each.revents).join()}`, ret);
	}

	#close(random: Random): Answer {
		const { known } = this;
		if (known.fds.length === 0 || random.chance(5)) return answer("close", this.kernel.close(random.below(50)));
		// Rarely close a context, or no deep state would ever build up.
		const { fd, kind } = random.pick(known.fds);
		if (kind === "iommufd" && random.chance(90)) return answer("close", 0);
		const ret = this.kernel.close(fd);
		if (ret === 0) known.closed(fd);
		return answer("close", ret);
	}

	#memory(random: Random): Answer {
		const { known } = this;
		if (random.chance(45)) {
			const length = random.pick([0x1000n, 0x4000n, 0x40000n, 0x200000n, 1n << 32n, 1n << 40n]);
			const fd = random.chance(40) ? known.fd(random, random.chance(80) ? "memfd" : "iommufd") : undefined;
			const addr = fd !== undefined && fd < 0 ? this.#mmap(length) : this.#mmap(length, fd, random);
			return answer("mmap", Number(addr));
		}
		// Never unmap the first piece, and keep a few others.
		if (known.memory.length < 4) return answer("munmap", 0);
		const { addr, length } = random.pick(known.memory.slice(1));
		const part = random.chance(50) ? length : 0x1000n;
		return answer("munmap", this.kernel.munmap(addr, part));
	}

	#makeFile(random: Random): Answer {
		const { known, kernel } = this;
		if (known.fds.length >= MOST_FILES) return answer("no file", 0);
		const { paths = [] } = this.options;
		if (paths.length > 0 && random.chance(80)) return answer("open", this.#open(random.pick(paths)));
		if (random.chance(92)) {
			const fd = kernel.memfd("soak", random.pick([0n, 0x1000n, 0x1800n, 0x40000n, 1n << 34n]));
			if (fd >= 0) known.addFile("memfd", fd);
			return answer("memfd", fd);
		}
		return answer("open", this.#open("/dev/iommu"));
	}

	#poke(random: Random): Answer {
		return answer("poke", this.kernel.poke(this.known.address(random), random.bytes(random.below(64))));
	}

	#peek(random: Random): Answer {
		const bytes = new Uint8Array(random.below(64));
		return answer("peek", this.kernel.peek(this.known.address(random), bytes), bytes);
	}

	#open(path: string): number {
		const fd = this.kernel.open(path);
		if (fd >= 0) this.known.addFile(path === "/dev/iommu" ? "iommufd" : path.includes("devices") ? "vfio" : "group", fd);
		return fd;
	}

	#mmap(length: bigint, fd?: number, random?: Random): bigint {
		const prot = random === undefined || random.chance(90) ? 3 : random.below(4);
		const offset = random === undefined || fd === undefined ? 0n : BigInt(random.below(3)) << 12n;
		const addr = this.kernel.mmap(fd === undefined ? { addr: 0n, length, prot } : { addr: 0n, length, prot, fd, offset });
		if (addr > 0n) this.known.addMemory(addr, length);
		return addr;
	}
}

/** Whether a member of the selftest's union is the one that `op` selects. */
function selected(struct: StructType, path: string, op: number | undefined): boolean {
	const member = struct.fields.find((field) => field.name === path.slice(0, path.indexOf(".")));
	return member?.when === undefined || member.when.value === op;
}

function answer(call: string, ret: number, bytes?: Uint8Array): Answer {
	return { call, ret: `${ret}`, ...(bytes && { bytes: Buffer.from(bytes).toString("hex") }) };
}
