/** Sides for tests of the fuzzer: simulated kernels, with a bug planted in one. */

import type { Finding } from "../../src/fuzz/index.js";
import { Campaign, Fuzzer, type Side } from "../../src/fuzz/index.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import { createSim, type SimProcess } from "../../src/sim/index.js";

/** A simulated kernel, each program on a machine of its own, seen through a wrapper. */
export function side(name: string, wrap: (process: SimProcess) => Kernel = (process) => process): Side {
	return { name, real: false, open: () => wrap(createSim().newProcess()) };
}

/** The first finding of a seed's programs, and how many programs it took. */
export async function firstFinding(right: Side, seed = 1, most = 400): Promise<{ finding?: Finding; programs: number }> {
	const fuzzer = new Fuzzer({ campaign: new Campaign({ seed }), left: side("sim"), leftDrew: true, right });
	for (let number = 0; number < most; number++) {
		const [finding] = (await fuzzer.run(number)).findings;
		if (finding) return { finding, programs: number + 1 };
	}
	return { programs: most };
}
