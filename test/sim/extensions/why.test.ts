/** Tests why binding virtual devices of one PASID fails, in the words of its check. */
import { expect, test } from "vitest";
import { EBUSY, EFAULT } from "../../../src/kernel/errno.js";
import { program, SIOV } from "./machine.js";

test("two virtual devices of one function in one context", () => {
	const { process, bind } = program();
	const { id } = bind(SIOV[0]);
	expect(bind(SIOV[1]).errno).toBe(EBUSY);
	expect(process.why(-EBUSY)).toMatchObject({
		check: "vfio-device-bind-iommufd.shared-function",
		text: `siov0 (ID ${id}) is in this context and shares the physical function of siov1`,
	});
});

test("DMA of an emulated device that is not bound", () => {
	const { sim, control, process } = program();
	const [, mdev] = [...(sim.vfio?.devices ?? [])].find(([, { iommu }]) => iommu === undefined) ?? [];
	const name = mdev?.name ?? "";
	expect(control.dma(name, "read", 0n, new Uint8Array(4))).toBe(-EFAULT);
	expect(process.why(-EFAULT)).toMatchObject({ check: "dma.no-access", text: `${name} is not bound to an iommufd` });
});
