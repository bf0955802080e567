/** SMMUv3 in machine files, pictures and trace headers. */
import { hex } from "../../../formats/bits.js";
import { SMMU_IDR } from "../../../formats/smmuv3/registers.js";
import { decodeFields } from "../../../formats/words.js";
import type { Iommu } from "../../board/description.js";
import { type Fields, MachineError, readInteger } from "../../board/fields.js";
import { entriesOf, recordedReserved, textOf } from "../../board/trace-header.js";
import type { BoardVendor, BuiltinMachine } from "../../board/vendor.js";
import { FIELD, parseTegra241, type Tegra241Cmdqv, tegra241File } from "./tegra241-board.js";

/** An SMMUv3. */
export interface Smmuv3Iommu extends Iommu {
	readonly kind: "smmuv3";
	/** IDR0 to IDR5 */
	readonly idr: readonly [number, number, number, number, number, number];
	readonly iidr: number;
	readonly aidr: number;
	/** the firmware promises coherent accesses whatever the guest configures (IORT CANWBS) */
	readonly canwbs: boolean;
	/** the root complex forwards ATS (IORT) */
	readonly ats: boolean;
	/** the Tegra241 CMDQV extension */
	readonly tegra241?: Tegra241Cmdqv;
}

const kind = "smmuv3";

/** Deviations of QEMU's SMMUv3, which its recorded traces show. */
export const QUIRKS = {
	walkFaultsAsStage1: "qemu-walk-faults-as-stage-1",
	wholeIpa: "qemu-whole-ipa",
	hitsAllowReads: "qemu-tlb-hits-allow-reads",
} as const;

const builtin: BuiltinMachine & { readonly iommu: { readonly idr: readonly number[] } } = {
	about: "Arm SMMUv3 with both stages, ATS, stalls and 16-bit substream IDs",
	arch: "aarch64",
	iommu: {
		name: "smmu0",
		// both stages, ATS, PRI (a queue of 512), stall, HTTU, 16-bit ASIDs and VMIDs, 2-level CDs, 16-bit SSIDs, RIL, FWB
		idr: [0x0c4d149b, 0x02734c10, 0, 0x1514, 0, 0x74],
		aidr: 1,
		canwbs: true,
		ats: true,
		reserved: [{ first: 0x8000000, last: 0x80fffff, type: "msi" }],
	},
	devices: { svm: { stall: true } },
	mixed: "SMMUv3",
};

export const smmuv3Board: BoardVendor<Smmuv3Iommu> & { readonly kind: "smmuv3" } = {
	kind,
	quirks: {
		[QUIRKS.walkFaultsAsStage1]: "a stage 2 fault on the way to a stage 1 table is recorded as stage 1's, and so reaches the guest",
		[QUIRKS.wholeIpa]: "event records hold all bits of an IPA, where the specification has bits 55:12",
		[QUIRKS.hitsAllowReads]: "a TLB hit checks stage 2 for writes only: a page that forbids reading can be read once it was written",
	},
	parse(f, base) {
		const tegra241 = parseTegra241(f);
		return {
			...base,
			kind,
			idr: readIdr(f),
			iidr: f.int("iidr", 0xffff_ffff) ?? 0,
			aidr: f.int("aidr", 0xffff_ffff) ?? 1,
			canwbs: f.bool("canwbs", false),
			ats: f.bool("ats", false),
			...(tegra241 && { tegra241, extensions: ["tegra241"] }),
		};
	},
	file: (i) => ({
		idr: i.idr.map((r) => hex(r)),
		iidr: hex(i.iidr),
		aidr: hex(i.aidr),
		canwbs: i.canwbs,
		ats: i.ats,
		...tegra241File(i.tegra241),
	}),
	describe: (i) =>
		`${kind}, idr ${i.idr.map((r) => hex(r)).join(" ")}${i.canwbs ? ", canwbs" : ""}${i.ats ? ", ats" : ""}${i.tegra241 ? ", Tegra241 CMDQV" : ""}`,
	builtin,
	variants: {
		tegra241: {
			...builtin,
			about: "Arm SMMUv3 with NVIDIA's Tegra241 CMDQV: command queues that guests drive themselves",
			iommu: { ...builtin.iommu, [FIELD]: {} },
			mixed: undefined,
		},
	},
	/** Its registers are not in sysfs; only GET_HW_INFO of a bound device tells them. Whether the firmware has CANWBS and ATS is told nowhere. */
	probe({ name, note, hwInfo }) {
		if (!/^smmu3\./.test(name)) return undefined;
		if (hwInfo !== undefined && hwInfo.length >= 40) {
			const words = hwInfoWords(Buffer.from(hwInfo).toString("hex"));
			return { kind, idr: words.slice(2, 8), iidr: words[8], aidr: words[9] };
		}
		note(`${name}: its ID registers are assumed to be those of the built-in machine; --bind asks a device for the true ones`);
		const { idr, aidr, canwbs, ats } = builtin.iommu;
		return { kind, idr, aidr, canwbs, ats };
	},
	/** `hw_info`, the bytes that GET_HW_INFO returned, and every device's `smmu`. */
	recorded(header) {
		if (typeof header.hw_info !== "string") return undefined;
		const name = textOf(header, "machine");
		const words = hwInfoWords(header.hw_info);
		const devices = entriesOf(header.devices);
		const idr = words.slice(2, 8);
		const ats = decodeFields(SMMU_IDR, idr.map(BigInt)).ats === 1n;
		const units = [...new Set(devices.map((device) => textOf(device, "smmu")))];
		return {
			name: `${kind}-${name}`,
			arch: "aarch64",
			iommus: units.map((unit) => ({
				name: unit,
				kind,
				idr,
				iidr: words[8],
				aidr: words[9],
				canwbs: typeof header.canwbs === "boolean" ? header.canwbs : !SUITE.incoherent.has(name),
				ats,
				// the emulated SMMU walks from the root every time
				caches: { paging: 0 },
				reserved: recordedReserved(devices.filter(({ smmu }) => smmu === unit)),
				quirks: Object.values(QUIRKS),
			})),
			deviceTlbs: false,
			device: (device) => ({
				iommu: textOf(device, "smmu"),
				...(device.path === SUITE.nic ? { vendor: 0x1af4, device: 0x1041, model: "virtio-net", ats: true } : {}),
			}),
		};
	},
};

/**
 * A quirk of the suite that recorded SMMUv3 traces: properties of its machines that its headers leave out. On these machines the
 * firmware did not promise coherent accesses (unless the header has `canwbs`); the device at this path was a NIC with
 * ATS, all others were QEMU's edu.
 */
const SUITE = {
	incoherent: new Set(["nocanwbs", "fwb", "stage1", "stage2"]),
	nic: "/dev/vfio/devices/vfio6",
};

/** struct iommu_hw_info_arm_smmuv3: flags, reserved, IDR0 to 5, IIDR, AIDR */
function hwInfoWords(hexText: string): number[] {
	const bytes = Buffer.from(hexText, "hex");
	if (bytes.length < 40) throw new MachineError(["hw_info"], "expected 40 bytes in hex");
	return Array.from({ length: 10 }, (_, i) => bytes.readUInt32LE(i * 4));
}

function readIdr(f: Fields): [number, number, number, number, number, number] {
	const list = f.list("idr");
	if (list.length !== 6) f.fail("idr", "expected the six registers IDR0 to IDR5");
	const [a, b, c, d, e, g] = list.map(({ value, path }) => Number(readInteger(value, path, 0xffff_ffffn)));
	return [a, b, c, d, e, g];
}
