/** ioctl: the struct before and after, what its pointers point to, and the files that it takes and makes. */
import { groupCalls, type Ioctl, ioctlByRequest, iommu_test_cmd, iommu_test_op } from "../../../structs/index.js";
import { toRecordedRet } from "../../trace/answer.js";
import { type FdFields, fdFields } from "../../trace/fd-fields.js";
import { NO_FILE_NAME } from "../../trace/files.js";
import { toHex } from "../../trace/hex.js";
import type { Step } from "../../trace/index.js";
import { recordedRequest } from "../../trace/requests.js";
import type { TraceMemory } from "../memory.js";
import { type Target, targetsOf } from "../pointers.js";
import type { OpenFile, Process } from "../processes.js";
import type { Program } from "../program.js";
import type { AtEnd, Call, Handler, Recorder } from "../recorder.js";
import { type Argument, argumentOf, changes } from "./argument.js";

const EFAULT = 14n;
/** bytes of one array or bitmap that are kept */
const MOST = 1 << 24;

/** Kinds of files that have events to wait for. */
const POLLED: ReadonlySet<string> = new Set(["fault", "veventq"]);

/** A buffer that a pointer of the struct points to. */
interface Buffered {
	readonly addr: bigint;
	readonly before: Buffer;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

class IoctlCall {
	readonly #recorder: Recorder;
	readonly #call: Call;
	readonly #file: string;
	readonly #program: Program;
	readonly #memory: TraceMemory;
	readonly #ioctl: Ioctl | undefined;
	readonly #request: number;
	readonly #argument: Argument | undefined;
	/** steps before the call */
	readonly #before: Step[] = [];
	readonly #buffers: Buffered[] = [];
	#argumentInPlace = false;
	readonly #fields: FdFields;
	readonly #given: Record<string, string> = {};
	/** the allocation that was to fail when the call began */
	readonly #failNth: number;

	constructor(recorder: Recorder, call: Call, file: string, program: Program) {
		this.#recorder = recorder;
		this.#call = call;
		this.#file = file;
		this.#program = program;
		this.#memory = recorder.memberOf(call.process).memory;
		this.#request = Number(BigInt.asUintN(32, call.args[1]));
		this.#ioctl = ioctlByRequest(this.#request, program.devices.kind(file));
		this.#argument = argumentOf(this.#memory, call, this.#ioctl);
		const bytes = this.#argument?.bytes ?? Buffer.alloc(0);
		this.#fields = fdFields(this.#request, bytes);
		for (const target of targetsOf(this.#ioctl, bytes)) this.#target(target);
		for (const offset of this.#fields.in) {
			const name = this.#nameOf(bytes.readInt32LE(offset));
			if (name !== undefined) this.#given[offset] = name;
		}
		this.#failNth = recorder.failNth.of(call.process.pid, call.tid);
	}

	/** The call has ended. */
	end(value: bigint): void {
		const call = { op: "ioctl", fd: this.#file, request: recordedRequest(this.#request, this.#program.devices.kind(this.#file)) } as const;
		const ret = toRecordedRet(Number(value));
		if (this.#argument === undefined) {
			const { args } = this.#call;
			const struct = this.#ioctl === undefined || this.#ioctl.struct !== null || this.#ioctl.size > 0;
			const value = args[2] <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(args[2]) : hex(args[2]);
			this.#emit({ ...call, ...(struct ? { arg_addr: hex(args[2]) } : { arg_value: value }), ...ret });
		} else if (value === -EFAULT && Object.keys(this.#given).length === 0) this.#inPlace(this.#argument, call, ret);
		else this.#struct(this.#argument, call, value);
	}

	/** Something of the program's memory was at fault: the struct stays where the program has it. */
	#inPlace({ addr, bytes }: Argument, call: object, ret: object): void {
		const memory = this.#memory;
		this.#before.push(...this.#ensure(addr, BigInt(bytes.length)), ...memory.poke(addr, bytes));
		this.#buffers.push({ addr, before: bytes });
		this.#argumentInPlace = true;
		this.#emit({ ...call, arg_addr: hex(addr), ...ret } as Step);
	}

	#struct({ addr, bytes: before }: Argument, call: object, value: bigint): void {
		const after = Buffer.from(before);
		this.#memory.read(addr, after);
		for (const offset of Object.keys(this.#given).map(Number)) {
			if (after.readInt32LE(offset) === before.readInt32LE(offset)) after.writeInt32LE(0, offset);
			before.writeInt32LE(0, offset);
		}
		const made: Record<string, string> = {};
		for (const offset of value < 0n ? [] : this.#fields.out) {
			made[offset] = this.#made(after.readInt32LE(offset), this.#fields.makes ?? "file");
			after.writeInt32LE(0, offset);
		}
		const returned = value > 0n && this.#returnsFile(before) ? this.#made(Number(value), "vfio") : undefined;
		if (returned !== undefined && this.#request === groupCalls.VFIO_GROUP_GET_DEVICE_FD) this.#program.devices.returned(returned);
		this.#emit({
			...call,
			arg: toHex(before),
			...(Object.keys(this.#given).length > 0 && { fd_in: this.#given }),
			...toRecordedRet(returned === undefined ? Number(value) : 0),
			...(!after.equals(before) && { out: toHex(after) }),
			...(Object.keys(made).length > 0 && { fd_out: made }),
			...(returned !== undefined && { ret_fd: returned }),
		} as Step);
	}

	#returnsFile(bytes: Buffer): boolean {
		if (this.#request === groupCalls.VFIO_GROUP_GET_DEVICE_FD) return true;
		const at = iommu_test_cmd.offsets.op;
		return (
			this.#ioctl?.name === "IOMMU_TEST_CMD" && bytes.length >= at + 4 && bytes.readUInt32LE(at) === iommu_test_op.IOMMU_TEST_OP_DMABUF_GET
		);
	}

	/** The steps of the call: what it needs, itself, and what it wrote. */
	#emit(step: Step): void {
		const memory = this.#memory;
		const after = this.#buffers.flatMap(({ addr, before }): Step[] => {
			const now = Buffer.allocUnsafe(before.length);
			if (memory.read(addr, now) < now.length || now.equals(before)) return [];
			return changes(before, now, (at) => this.#isArgument(addr + BigInt(at))).map(
				([from, to]): Step => ({ op: "peek", addr: hex(addr + BigInt(from)), length: to - from, data: toHex(now.subarray(from, to)) }),
			);
		});
		const made = this.#failed() ? ({ ...step, fail_nth: this.#failNth } as Step) : step;
		this.#recorder.steps(this.#call, this.#program, [...this.#before, made, ...after]);
	}

	/** Whether the allocation that was to fail was one of this call's: the kernel counts down to 0. */
	#failed(): boolean {
		const { process, tid } = this.#call;
		return this.#failNth > 0 && this.#recorder.failNth.of(process.pid, tid) === 0;
	}

	/** Whether the struct itself is at an address: the trace has it elsewhere. */
	#isArgument(addr: bigint): boolean {
		const argument = this.#argument;
		return (
			!this.#argumentInPlace && argument !== undefined && addr >= argument.addr && addr < argument.addr + BigInt(argument.bytes.length)
		);
	}

	#target({ use, addr, length, access }: Target): void {
		const memory = this.#memory;
		const { withMemory } = this.#recorder.options;
		this.#before.push(...this.#ensure(addr, length));
		if (use === "mapped" && withMemory) memory.keep(addr, length);
		if ((use === "mapped" || access) && withMemory) this.#before.push(...memory.refresh());
		// What it copies comes from memory whose contents are not in the trace.
		if (use !== "bytes" || (access && !withMemory)) return;
		const bytes = Buffer.allocUnsafe(Number(length > BigInt(MOST) ? BigInt(MOST) : length));
		const before = bytes.subarray(0, memory.read(addr, bytes));
		this.#before.push(...memory.poke(addr, before));
		if (before.length > 0) this.#buffers.push({ addr, before });
	}

	#ensure(addr: bigint, length: bigint): Step[] {
		this.#call.process.wantsMemory = true;
		return this.#memory.ensure(addr, length);
	}

	/** The name of a file that the struct takes by a descriptor of the program's. */
	#nameOf(fd: number): string | undefined {
		if (fd < 0) return undefined;
		const { process } = this.#call;
		const known = this.#recorder.file(process, fd);
		if (known !== undefined) return known.name;
		if (process.link(fd) === undefined) return NO_FILE_NAME;
		const event = this.#program.eventfd(process, fd);
		if (event !== undefined) {
			this.#before.push(...event.steps);
			return event.name;
		}
		const memfd = this.#memory.memfd(fd);
		if (memfd === undefined) return this.#other();
		this.#before.push(...memfd.steps);
		return memfd.name;
	}

	/** A file of any other kind: in the trace another context stands for it, which is as wrong where a certain kind is needed. */
	#other(): string {
		const { process } = this.#call;
		if (process.other === undefined) {
			process.other = this.#program.named("other");
			this.#before.push({ op: "open", path: "/dev/iommu", fd: process.other });
		}
		return process.other;
	}

	#made(fd: number, kind: string): string {
		const { process } = this.#call;
		const polled = POLLED.has(kind);
		const file: OpenFile = { name: this.#program.named(kind), program: this.#program, link: process.link(fd) ?? "", polled };
		process.add(fd, file);
		return file.name;
	}
}

function fileOf(recorder: Recorder, process: Process, fd: number): { name: string; program: Program } | undefined {
	const file = recorder.file(process, fd);
	if (file !== undefined) return file;
	// A number that no file has: the call is one of the program's nevertheless.
	const { member } = process;
	return member !== undefined && process.link(fd) === undefined ? { name: NO_FILE_NAME, program: member.program } : undefined;
}

export const ioctlHandlers = (recorder: Recorder): Readonly<Record<string, Handler>> => ({
	ioctl(call: Call): AtEnd | undefined {
		const file = fileOf(recorder, call.process, Number(BigInt.asIntN(32, call.args[0])));
		if (file === undefined) return undefined;
		const made = new IoctlCall(recorder, call, file.name, file.program);
		return (value) => made.end(value);
	},
});
