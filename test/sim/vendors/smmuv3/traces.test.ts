/** Replays the DMA of recorded SMMUv3 traces through the pure translation code. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { decodeSmmuCommand } from "../../../../src/formats/smmuv3/commands.js";
import { decodeSmmuEvent, encodeSmmuEvent } from "../../../../src/formats/smmuv3/events.js";
import { IommuCaches } from "../../../../src/sim/mmu/caches.js";
import type { PhysMemory } from "../../../../src/sim/mmu/phys-memory.js";
import type { Stage2 } from "../../../../src/sim/mmu/translate.js";
import { READ, WRITE } from "../../../../src/sim/mmu/walk.js";
import { machineFromTraceHeader } from "../../../../src/sim/vendors/machines.js";
import { QUIRKS, type Smmuv3Iommu } from "../../../../src/sim/vendors/smmuv3/board.js";
import { smmuInvalidations } from "../../../../src/sim/vendors/smmuv3/invalidations.js";
import { decodeSmmuIdr, decodeSte, STE_BYPASS, type SteStage1 } from "../../../../src/sim/vendors/smmuv3/stream-table.js";
import { type CachedCd, SmmuTranslator, smmuEventRecord } from "../../../../src/sim/vendors/smmuv3/translate.js";

interface Step {
	program?: string;
	op?: string;
	request?: string;
	arg?: string;
	out?: string;
	addr?: string;
	data?: string;
	path?: string;
	fd?: string;
	dir?: "read" | "write";
	iova?: string;
	length?: number;
	buf?: number;
	ret?: number;
	fd_in?: Record<string, string>;
	events?: string[];
}

interface Header {
	devices: { path: string; sid: number }[];
}

interface Area {
	iova: bigint;
	user: bigint;
	length: bigint;
	flags: number;
}

const BYPASS: SteStage1 = decodeSte([BigInt(1 | (STE_BYPASS << 1)), 0n]);

/** Just enough of a kernel to follow a trace's DMA through the pure parts; no checks, no errors. */
class Replay {
	readonly bytes = new Map<bigint, number>();
	readonly areas = new Map<number, Area[]>();
	readonly ioasOf = new Map<number, number>();
	readonly parents = new Set<number>();
	readonly parentOf = new Map<number, number>();
	readonly stes = new Map<number, { viommu: number; ste: SteStage1 }>();
	readonly sids = new Map<string, number>();
	readonly sidOfDevice = new Map<number, number>();
	readonly virtual = new Map<string, number>();
	readonly attached = new Map<string, number>();
	readonly buffers = new Map<string, Uint8Array>();
	readonly caches = new IommuCaches<CachedCd>({ paging: 0 });
	readonly smmu: SmmuTranslator;
	readonly wholeIpa: boolean;

	constructor(iommu: Smmuv3Iommu) {
		this.wholeIpa = iommu.quirks.includes(QUIRKS.wholeIpa);
		this.smmu = new SmmuTranslator(decodeSmmuIdr(iommu.idr), this.caches, this.host, {
			walkFaultsAsStage1: iommu.quirks.includes(QUIRKS.walkFaultsAsStage1),
			hitsAllowReads: iommu.quirks.includes(QUIRKS.hitsAllowReads),
		});
	}

	// user addresses stand for host-physical ones
	readonly host: PhysMemory = { read64: (pa) => this.read(pa, 8) };

	read(addr: bigint, size: number): bigint {
		let v = 0n;
		for (let i = BigInt(size - 1); i >= 0n; i--) v = (v << 8n) | BigInt(this.bytes.get(addr + i) ?? 0);
		return v;
	}

	poke(addr: bigint, data: Uint8Array): void {
		data.forEach((b, i) => {
			this.bytes.set(addr + BigInt(i), b);
		});
	}

	peek(addr: bigint, length: number): string {
		return Buffer.from(Array.from({ length }, (_, i) => this.bytes.get(addr + BigInt(i)) ?? 0)).toString("hex");
	}

	stage2(ioas: number): Stage2 {
		return {
			find: (ipa) => {
				const area = this.areas.get(ioas)?.find((a) => ipa >= a.iova && ipa < a.iova + a.length);
				if (!area) return undefined;
				// IOMMU_IOAS_MAP_WRITEABLE is 2, READABLE 4
				const perm = (area.flags & 4 ? READ : 0) | (area.flags & 2 ? WRITE : 0);
				return { pa: area.user + (ipa - area.iova), perm, shift: 12 };
			},
		};
	}

	ioctl(step: Step): void {
		const arg = Buffer.from(step.arg ?? "", "hex");
		const out = Buffer.from(step.out ?? step.arg ?? "", "hex");
		const u32 = (off: number, from = arg) => from.readUInt32LE(off);
		const u64 = (off: number, from = arg) => from.readBigUInt64LE(off);
		if (step.request === "IOMMU_HWPT_INVALIDATE") {
			this.invalidate(arg, out, step.ret === 0);
			return;
		}
		if (step.ret !== 0) return;
		switch (step.request) {
			case "IOMMU_IOAS_MAP": {
				const list = this.areas.get(u32(8)) ?? [];
				list.push({ flags: u32(4), user: u64(16), length: u64(24), iova: u64(32, out) });
				this.areas.set(u32(8), list);
				return;
			}
			case "IOMMU_IOAS_UNMAP": {
				const [iova, length] = [u64(8), u64(16)];
				const list = this.areas.get(u32(4)) ?? [];
				this.areas.set(
					u32(4),
					list.filter((a) => a.iova < iova || a.iova + a.length > iova + length),
				);
				// the kernel invalidates what it unmaps, and everything nested on it
				this.caches.invalidate({ type: "unmap", cache: "iotlb" });
				return;
			}
			case "VFIO_DEVICE_BIND_IOMMUFD":
				this.sidOfDevice.set(u32(12, out), this.sids.get(step.fd as string) as number);
				return;
			case "IOMMU_HWPT_ALLOC": {
				const id = u32(16, out);
				if (u32(24) === 2) this.stes.set(id, { viommu: u32(12), ste: decodeSte([this.read(u64(32), 8), this.read(u64(32) + 8n, 8)]) });
				else this.ioasOf.set(id, u32(12));
				if (u32(4) === 1) this.parents.add(id);
				return;
			}
			case "IOMMU_VIOMMU_ALLOC":
				this.parentOf.set(u32(20, out), u32(16));
				return;
			case "IOMMU_VDEVICE_ALLOC":
				this.virtual.set(`${u32(4)}:${u64(16)}`, this.sidOfDevice.get(u32(8)) as number);
				return;
			case "VFIO_DEVICE_ATTACH_IOMMUFD_PT":
				if (this.attached.get(step.fd as string) === u32(8)) return;
				this.attached.set(step.fd as string, u32(8));
				this.caches.invalidate({ type: "attach", cache: "pasid", device: this.sids.get(step.fd as string) });
				return;
			case "VFIO_DEVICE_DETACH_IOMMUFD_PT":
				this.attached.delete(step.fd as string);
		}
	}

	invalidate(arg: Buffer, out: Buffer, good: boolean): void {
		const viommu = arg.readUInt32LE(4);
		const [pointer, size] = [arg.readBigUInt64LE(8), arg.readUInt32LE(20)];
		const handled = out.readUInt32LE(24);
		// the batch of 63 with the bad command is never issued
		const done = good ? handled : Math.floor(handled / 63) * 63;
		for (let i = 0; i < done; i++) {
			const bytes = new Uint8Array(16);
			for (let b = 0; b < Math.min(16, size); b++) bytes[b] = this.bytes.get(pointer + BigInt(i * size + b)) ?? 0;
			let command = decodeSmmuCommand(bytes);
			if (command.fields.sid !== undefined) {
				const sid = this.virtual.get(`${viommu}:${command.fields.sid}`) as number;
				command = { ...command, fields: { ...command.fields, sid: BigInt(sid) } };
			}
			for (const it of smmuInvalidations(command, this.parentOf.get(viommu) as number)) this.caches.invalidate(it);
		}
	}

	/** The events of a transfer, in accesses of four bytes; undefined if the table is not modelled. */
	dma(step: Step): string[] | undefined {
		const fd = step.fd as string;
		const table = this.attached.get(fd) ?? 0;
		const nested = this.stes.get(table);
		const parent = nested ? (this.parentOf.get(nested.viommu) as number) : table;
		if (!this.parents.has(parent)) return undefined;
		const sid = this.sids.get(fd) as number;
		const stream = { sid, vmid: parent, ste: nested?.ste ?? BYPASS, stage2: this.stage2(this.ioasOf.get(parent) as number) };
		const buffer = this.buffers.get(fd) ?? new Uint8Array(4096);
		this.buffers.set(fd, buffer);
		const write = step.dir === "write";
		const events: string[] = [];
		for (let i = 0; i < (step.length ?? 0); i += 4) {
			const got = this.smmu.translate(stream, BigInt(step.iova as string) + BigInt(i), write ? WRITE : READ);
			if (!got.ok) {
				if (!got.event) continue;
				const record = smmuEventRecord(got.event, this.wholeIpa);
				expect(encodeSmmuEvent(got.event.name, decodeSmmuEvent(record).fields)).toEqual(smmuEventRecord(got.event));
				events.push(Buffer.from(record).toString("hex"));
				continue;
			}
			for (let b = 0; b < Math.min(4, (step.length ?? 0) - i); b++) {
				const at = (step.buf ?? 0) + i + b;
				if (write) this.bytes.set(got.pa + BigInt(b), buffer[at]);
				else buffer[at] = this.bytes.get(got.pa + BigInt(b)) ?? 0;
			}
		}
		return events;
	}
}

/** Replays the DMA in a trace; returns how much of it could be followed. */
function replay(file: string): { followed: number; peeked: number } {
	const url = new URL(`../../../fixtures/golden/hw/${file}.jsonl.gz`, import.meta.url);
	const [first, ...lines] = gunzipSync(readFileSync(url)).toString().trim().split("\n");
	const header = JSON.parse(first) as Header;
	const iommu = machineFromTraceHeader(header)?.iommus[0] as Smmuv3Iommu;
	let run = new Replay(iommu);
	let program = "";
	let known = true;
	let followed = 0;
	let peeked = 0;
	for (const line of lines) {
		const step = JSON.parse(line) as Step;
		if (step.program) {
			run = new Replay(iommu);
			program = step.program;
			known = true;
		} else if (step.op === "open") {
			const device = header.devices.find((d) => d.path === step.path);
			if (device) run.sids.set(step.fd as string, device.sid);
		} else if (step.op === "poke") run.poke(BigInt(step.addr as string), Buffer.from(step.data as string, "hex"));
		else if (step.op === "ioctl") run.ioctl(step);
		else if (step.op === "dma") {
			const events = run.dma(step);
			if (!events) known = false;
			if (!events || !known) continue;
			followed++;
			expect(events, `${program}: ${line}`).toEqual(step.events);
		} else if (step.op === "peek" && known) {
			peeked++;
			expect(run.peek(BigInt(step.addr as string), step.length as number), `${program}: ${line}`).toBe(step.data);
		}
	}
	return { followed, peeked };
}

test.each([
	["smmuv3-events", 214, 0],
	["smmuv3-evmix", 203, 0],
	["smmuv3-late", 39, 13],
	["smmuv3-tlb", 93, 86],
])("%s: every DMA has the recorded event and leaves the recorded memory", (file, dmas, peeks) => {
	const { followed, peeked } = replay(file);
	expect(followed).toBeGreaterThanOrEqual(dmas);
	expect(peeked).toBeGreaterThanOrEqual(peeks);
});
