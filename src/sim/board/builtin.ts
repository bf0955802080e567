/** The machines that come with the program, in the form of a machine file (parse.ts). */

const MSI_X86 = { first: 0xfee00000, last: 0xfeefffff, type: "msi" };
const MSI_ARM = { first: 0x8000000, last: 0x80fffff, type: "msi" };
const HT = { first: 0xfd00000000n, last: 0xffffffffffn, type: "reserved" };

const VTD = {
	name: "dmar0",
	kind: "vtd",
	// 5-level first stage (FL5LP), 2M and 1G pages, 48-bit second stage
	cap: 0x91d2008c222f0606n,
	// nesting, PASID (20 bits), PRI, dirty tracking, both stages
	ecap: 0x1ed9ea4f00fcen,
	reserved: [MSI_X86],
};

const SMMU = {
	name: "smmu0",
	kind: "smmuv3",
	// both stages, ATS, PRI, stall, HTTU, 16-bit ASIDs and VMIDs, 2-level CDs, 16-bit SSIDs, RIL, FWB
	idr: [0x0c4d149b, 0x02730410, 0, 0x1514, 0, 0x74],
	aidr: 1,
	canwbs: true,
	ats: true,
	reserved: [MSI_ARM],
};

const AMD = {
	name: "amdvi0",
	kind: "amd",
	efr: 0x17000f0000a9dfn,
	efr2: 8,
	reserved: [MSI_X86, HT],
};

const EDU = { vendor: 0x1234, device: 0x11e8, model: "edu" };
const NIC = { vendor: 0x1af4, device: 0x1041, model: "virtio-net" };
const NVME = { vendor: 0x1b36, device: 0x0010, model: "nvme" };
const IGB = { vendor: 0x8086, device: 0x10c9, model: "igb" };
const IGB_VF = { vendor: 0x8086, device: 0x10ca, model: "igbvf" };
const SVM = { pasid_width: 20, ats: true, pri: 32 };

/** The same family of devices behind each kind of IOMMU, in PCI segment `seg`. */
function devices(iommu: string, seg: string, svm: object) {
	return {
		bridges: [
			{ bdf: `${seg}:00:14.0`, type: "root-port", secondary: 1 },
			{ bdf: `${seg}:00:15.0`, type: "root-port", secondary: 2 },
			{ bdf: `${seg}:02:00.0`, type: "pcie-to-pci", secondary: 3 },
			{ bdf: `${seg}:00:16.0`, type: "root-port", secondary: 5 },
		],
		devices: [
			{ bdf: `${seg}:00:10.0`, role: "solo", ...EDU, iommu },
			{ bdf: `${seg}:00:11.0`, role: "fnA", ...EDU, iommu },
			{ bdf: `${seg}:00:11.1`, role: "fnB", ...EDU, iommu },
			{ bdf: `${seg}:00:12.0`, role: "svm", ...EDU, iommu, ...svm },
			{ bdf: `${seg}:00:13.0`, role: "fn0rid", ...EDU, iommu, acs: true },
			{ bdf: `${seg}:00:13.1`, role: "fn0rid", ...EDU, iommu, acs: true, function0_rid: true },
			{ bdf: `${seg}:01:00.0`, role: "ats", ...NIC, iommu, ats: true },
			{ bdf: `${seg}:03:01.0`, role: "bridged", ...EDU, iommu },
			{ bdf: `${seg}:03:02.0`, role: "bridged", ...NVME, iommu },
			{ bdf: `${seg}:05:00.0`, role: "pf", ...IGB, iommu, ...svm },
			{ bdf: `${seg}:05:10.0`, role: "vf", ...IGB_VF, iommu, pf: `${seg}:05:00.0`, ...svm },
		],
	};
}

const KERNEL = { unsafe_interrupts: true, sriov: true };

const vtd = devices("dmar0", "0000", SVM);
const smmuv3 = devices("smmu0", "0000", { ...SVM, stall: true });
const amd = devices("amdvi0", "0000", SVM);

function mixed() {
	const x86 = devices("dmar0", "0000", SVM);
	const arm = devices("smmu0", "0001", { ...SVM, stall: true });
	const epyc = devices("amdvi0", "0002", SVM);
	return {
		bridges: [...x86.bridges, ...arm.bridges, ...epyc.bridges],
		devices: [...x86.devices, ...arm.devices, ...epyc.devices],
	};
}

const EMULATED = [{ name: "mtty0" }];
const scalable = (parent: string) => [
	{ name: "siov0", parent, pasid: 0x40 },
	{ name: "siov1", parent, pasid: 0x41 },
];

export const BUILTIN_MACHINES: Readonly<Record<string, unknown>> = {
	mixed: {
		name: "mixed",
		about: "one PCI segment for each kind of IOMMU: 0000 VT-d, 0001 SMMUv3, 0002 AMD; and the selftest's",
		arch: "mixed",
		kernel: { ...KERNEL, amd_nested: true },
		iommus: [VTD, SMMU, AMD, { name: "mock", kind: "selftest" }],
		...mixed(),
		siov: scalable("0000:00:12.0"),
		mdevs: EMULATED,
	},
	vtd: {
		name: "vtd",
		about: "Intel VT-d in scalable mode, nesting, PASIDs and page requests",
		arch: "x86-64",
		kernel: KERNEL,
		iommus: [VTD],
		...vtd,
		siov: scalable("0000:00:12.0"),
		mdevs: EMULATED,
	},
	smmuv3: {
		name: "smmuv3",
		about: "Arm SMMUv3 with both stages, ATS, stalls and 16-bit substream IDs",
		arch: "aarch64",
		kernel: KERNEL,
		iommus: [SMMU],
		...smmuv3,
		mdevs: EMULATED,
	},
	amd: {
		name: "amd",
		about: "AMD IOMMU with guest translation; guest device table entries are taken (beyond 7.3)",
		arch: "x86-64",
		kernel: { ...KERNEL, amd_nested: true },
		iommus: [AMD],
		...amd,
		mdevs: EMULATED,
	},
	selftest: {
		name: "selftest",
		about: "no devices but the mock ones of iommufd's selftest",
		arch: "x86-64",
		iommus: [{ name: "mock", kind: "selftest" }],
	},
};
