/** The program and the device numbers that the proposals' tests share. */
import { iommuOn } from "../../../src/client/iommu.js";
import { createSim, SimControl } from "../../../src/sim/index.js";
import { BUILTIN_MACHINES, checkMachine } from "../../../src/sim/vendors/machines.js";

/** A program on the mixed machine, with an IOAS that maps 1 MiB from 0. */
export function program() {
	const sim = createSim({ machine: checkMachine(BUILTIN_MACHINES.mixed) });
	const process = sim.newProcess();
	const fd = process.open("/dev/iommu");
	const iommu = iommuOn(process, fd);
	const ioas = iommu.ioasAlloc().decoded.out_ioas_id;
	const ram = process.mmap({ addr: 0n, length: 1n << 20n, prot: 3 });
	iommu.ioasMap({ flags: 7, ioas_id: ioas, user_va: ram, length: 1n << 20n, iova: 0n });
	const bind = (n: number, context = fd) => {
		const file = process.open(`/dev/vfio/devices/vfio${n}`);
		const device = iommuOn(process, file);
		const { errno, decoded } = device.deviceBind({ iommufd: context });
		return { file, errno, id: decoded.out_devid, attach: (id: number) => device.deviceAttach({ pt_id: id }).errno };
	};
	return { sim, control: SimControl.of(sim), process, fd, iommu, ioas, ram, bind };
}

/** vfioN numbers of the mixed machine: SVM and PF have PRI and PASIDs behind VT-d, SMMU_SVM is behind SMMUv3, SIOV are virtual devices of SVM. */
export const SVM = 3;
export const PF = 9;
export const SMMU_SVM = 14;
export const SIOV = [33, 34] as const;
