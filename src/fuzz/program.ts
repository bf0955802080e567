/** A program that makes random calls, reproducible step by step from seeds. */
import {
	type Ioctl,
	ioctls,
	iommu_destroy,
	iommu_hwpt_page_response,
	iommu_hwpt_pgfault,
	iommu_ioas_alloc,
	type StructType,
} from "../../structs/index.js";
import { isForkCapable, type Kernel, POLLIN, POLLOUT } from "../kernel/kernel.js";
import { bent, hasFiles } from "./bent.js";
import { pickIoctl, plan } from "./calls.js";
import { exactStruct, fieldValue, put, randomStruct } from "./fields.js";
import { Known } from "./known.js";
import { teaching } from "./learn.js";
import { changeMemory, firstMemory, moreMemory } from "./memory.js";
import type { Random } from "./random.js";
import { pickScene } from "./scenes/index.js";
import { wildCall } from "./wild.js";

/** How many files the program keeps open at most. */
const MOST_FILES = 40;
/** How many child processes it has at most, at a time. */
const MOST_CHILDREN = 2;

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
	/** only what every kernel must answer alike, whatever else the process has in its memory and open */
	readonly determined?: boolean;
	/** child processes come and go, if the kernel can fork */
	readonly forks?: boolean;
	/** the program begins with nothing: no file, no memory */
	readonly empty?: boolean;
}

/** A program that makes calls at random. Each step's numbers come from its own seed, so steps can be left out. */
export class RandomProgram {
	readonly known: Known;
	/** the program, and its children */
	readonly #processes: Kernel[];
	#forks = 0;

	constructor(
		kernel: Kernel,
		readonly options: ProgramOptions = {},
	) {
		this.known = new Known(options.determined);
		this.#processes = [teaching(kernel, this.known)];
		if (!options.empty) this.begin();
	}

	/** The program's kernel: what is called through it is remembered too. */
	get kernel(): Kernel {
		return this.#processes[0];
	}

	/** Opens a context, and maps some memory. */
	begin(): void {
		this.#open(this.kernel, "/dev/iommu");
		firstMemory(this.kernel, this.known);
		const fd = this.known.first("iommufd");
		for (let at = 0; at < 2; at++)
			this.kernel.ioctl(fd, ioctls.IOMMU_IOAS_ALLOC.request, iommu_ioas_alloc.encode({ size: iommu_ioas_alloc.size }));
	}

	/** Makes one call, or what goes with it. */
	step(random: Random): Answer {
		const { options, known } = this;
		const kernel = this.#process(random);
		if (random.chance(options.wild ?? 0)) return wildCall(random, kernel, known);
		const dice = random.below(100);
		if (dice < 68) return this.#call(random, kernel, pickIoctl(random, options.paths !== undefined));
		if (dice < 74) return this.#read(random, kernel);
		if (dice < 78) return this.#write(random, kernel);
		if (dice < 80) return this.#poll(random, kernel);
		if (dice < 82) return this.#close(random, kernel);
		if (dice < 91) return random.chance(45) ? moreMemory(random, kernel, known) : changeMemory(random, kernel, known);
		if (dice < 95) return this.#makeFile(random, kernel);
		if (dice < 97) return answer("poke", kernel.poke(known.address(random), random.bytes(random.below(64))));
		const bytes = new Uint8Array(random.below(64));
		return answer("peek", kernel.peek(known.address(random), bytes), bytes);
	}

	/** Destroys the objects of the oldest context in some order, twice: what refuses because another one holds it goes in the second round. */
	tearDown(random: Random): void {
		const fd = this.known.first("iommufd");
		this.known.use(fd);
		for (let round = 0; round < 2; round++) {
			const left = this.known.ids();
			while (left.length > 0) {
				const [id] = left.splice(random.below(left.length), 1);
				this.kernel.ioctl(fd, ioctls.IOMMU_DESTROY.request, iommu_destroy.encode({ size: iommu_destroy.size, id }));
			}
		}
	}

	/** The program ends, and its children before it. */
	exit(): void {
		for (const process of this.#processes.splice(1)) process.exit();
		this.kernel.exit();
	}

	/** Usually the program itself. Children are born and end here. */
	#process(random: Random): Kernel {
		const all = this.#processes;
		const [own] = all;
		if (this.options.forks !== true || !isForkCapable(own)) return own;
		if (random.chance(1) && all.length <= MOST_CHILDREN) all.push(own.fork(`child${++this.#forks}`));
		else if (random.chance(1) && all.length > 1) all.splice(1 + random.below(all.length - 1), 1)[0].exit();
		return random.chance(75) ? own : random.pick(all);
	}

	/** Makes a series of calls that build on each other; now and then one is left out, or has another value in a field. */
	scene(random: Random): void {
		const { known, kernel } = this;
		const fd = random.chance(85) ? known.first("iommufd") : known.fd(random, "iommufd");
		known.use(fd);
		for (const { ioctl, fields, data } of pickScene(random, known)) {
			if (random.chance(4)) continue;
			const struct = ioctl.struct as StructType;
			const bytes = exactStruct(struct, fields);
			const pointer = fields.data_uptr ?? fields.allowed_iovas ?? fields["dirty.uptr"];
			if (data !== undefined && pointer !== undefined) kernel.poke(BigInt(pointer), data);
			if (random.chance(4)) {
				const field = random.pick(struct.leaves);
				put(bytes, field, fieldValue(random, known, field, struct));
			}
			kernel.ioctl(fd, ioctl.request, bytes);
			known.use(fd);
		}
	}

	/** Makes a call whose struct usually makes sense. */
	#call(random: Random, kernel: Kernel, ioctl: Ioctl): Answer {
		const { known } = this;
		const struct = ioctl.struct as StructType | null;
		const kind = ioctl.name.startsWith("VFIO_DEVICE") ? "vfio" : "iommufd";
		const fd = known.fd(random, kind);
		known.use(kind === "iommufd" ? fd : known.first("iommufd"));
		if (struct === null) {
			const value = random.chance(80) ? BigInt(random.below(10)) : random.u64();
			return answer(ioctl.name, kernel.ioctl(fd, ioctl.request, value));
		}
		const { fixed, payload } = plan(random, known, ioctl);
		if (payload !== undefined) {
			fixed[struct.offsets.allowed_iovas === undefined ? "data_uptr" : "allowed_iovas"] = payload.addr;
			const parts = Array.from({ length: payload.count }, () => randomStruct(random, known, payload.struct));
			kernel.poke(payload.addr, Buffer.concat(parts));
		}
		const bytes = bent(random, randomStruct(random, known, struct, fixed));
		if (random.chance(6) && !hasFiles(ioctl, bytes)) return this.#inMemory(random, kernel, fd, ioctl, bytes);
		return answer(ioctl.name, kernel.ioctl(fd, ioctl.request, bytes), bytes);
	}

	/** The struct is somewhere in the program's memory, also where it ends, or cannot be read or written. */
	#inMemory(random: Random, kernel: Kernel, fd: number, ioctl: Ioctl, bytes: Uint8Array): Answer {
		const { known } = this;
		const piece = random.pick(known.memory);
		const behind =
			piece && random.chance(60)
				? piece.addr + piece.length - BigInt(random.pick([bytes.length, bytes.length, 4, 8, 1]))
				: known.address(random);
		kernel.poke(behind, bytes.subarray(0, Number(known.roomAt(behind, bytes.length))));
		return answer(`${ioctl.name} at`, kernel.ioctl(fd, ioctl.request, behind));
	}

	#read(random: Random, kernel: Kernel): Answer {
		const fd = this.known.fd(random, random.pick(["fault", "veventq", "memfd", "iommufd", "vfio"]));
		const size = random.pick([iommu_hwpt_pgfault.size, iommu_hwpt_pgfault.size * 4, 8, 12, 64, random.below(200)]);
		const bytes = new Uint8Array(size);
		const into = random.chance(80) ? bytes : { addr: this.known.address(random), length: size };
		if (random.chance(10)) return answer("pread", kernel.pread(fd, into, BigInt(random.below(8192))), bytes);
		return answer("read", kernel.read(fd, into), bytes);
	}

	#write(random: Random, kernel: Kernel): Answer {
		const fd = this.known.fd(random, random.pick(["fault", "fault", "memfd", "veventq"]));
		const { size } = iommu_hwpt_page_response;
		const bytes = new Uint8Array(random.chance(90) ? size * (1 + random.below(3)) : random.below(40));
		for (let at = 0; at + size <= bytes.length; at += size)
			iommu_hwpt_page_response.encode({ cookie: 1 + random.below(4), code: random.below(random.chance(90) ? 2 : 4) }, bytes, at);
		if (random.chance(10)) return answer("pwrite", kernel.pwrite(fd, bytes, BigInt(random.below(8192))));
		const from = random.chance(90) ? bytes : { addr: this.known.address(random), length: bytes.length };
		return answer("write", kernel.write(fd, from));
	}

	#poll(random: Random, kernel: Kernel): Answer {
		const fds = this.known.fds.map(({ fd }) => ({ fd, events: POLLIN | POLLOUT, revents: 0 }));
		if (random.chance(20)) fds.push({ fd: 1000 + random.below(1000), events: 0xff, revents: 0 });
		const ret = kernel.poll(fds, 0);
		return answer(`poll ${fds.map((each) => each.revents).join()}`, ret);
	}

	#close(random: Random, kernel: Kernel): Answer {
		const { known } = this;
		if (known.fds.length === 0 || random.chance(5)) return answer("close", kernel.close(1000 + random.below(50)));
		// Rarely close a context, or no deep state would ever build up.
		const { fd, kind } = random.pick(known.fds);
		if (kind === "iommufd" && random.chance(90)) return answer("close", 0);
		return answer("close", kernel.close(fd));
	}

	#makeFile(random: Random, kernel: Kernel): Answer {
		const { known } = this;
		if (known.fds.length >= MOST_FILES) return answer("no file", 0);
		const { paths = [] } = this.options;
		if (paths.length > 0 && random.chance(80)) return answer("open", this.#open(kernel, random.pick(paths)));
		if (random.chance(8) && "eventfd" in kernel)
			return answer("eventfd", (kernel as Kernel & { eventfd(n: number): number }).eventfd(random.below(3)));
		if (random.chance(92)) {
			const huge = known.determined ? [] : [1n << 34n];
			return answer("memfd", kernel.memfd("soak", random.pick([0n, 0x1000n, 0x1800n, 0x4000n, 0x40000n, ...huge])));
		}
		return answer("open", this.#open(kernel, "/dev/iommu"));
	}

	#open(kernel: Kernel, path: string): number {
		return kernel.open(path);
	}
}

function answer(call: string, ret: number, bytes?: Uint8Array): Answer {
	return { call, ret: `${ret}`, ...(bytes && { bytes: Buffer.from(bytes).toString("hex") }) };
}
