/** Interrupts of simulated devices: raised from outside, and shown as they are set up. */
import { EINVAL, ENODEV, EOPNOTSUPP } from "../../kernel/errno.js";
import { ControlError } from "../contract/control-error.js";
import type { Sim } from "../system/sim.js";
import { type Delivery, ERROR, INTX, MSI, MSIX, REQUEST } from "../vfio/interrupts/interrupts.js";
import { PciVfioDevice } from "../vfio/pci-device.js";
import { findDevice } from "./devices.js";

const NAMES = { [INTX]: "INTx", [MSI]: "MSI", [MSIX]: "MSI-X", [ERROR]: "ERR", [REQUEST]: "REQ" } as const;
export type IrqName = (typeof NAMES)[keyof typeof NAMES];

/** What a device raises. */
export interface IrqToRaise {
	/** of MSI or MSI-X (0) */
	readonly vector?: number;
	/** of edu: bits of the interrupt status register (1) */
	readonly bits?: number;
	/** INTx is no longer asserted; of edu: the bits are acknowledged */
	readonly clear?: boolean;
	/** not an interrupt of the device, but that for errors, or for requests of the host */
	readonly single?: "ERR" | "REQ";
}

export interface RaisedIrq {
	/** what it was sent as; undefined: nothing is set up */
	readonly kind: IrqName | undefined;
	readonly vector: number;
	readonly delivery: Delivery;
	/** INTx is asserted */
	readonly asserted: boolean;
}

/** An interrupt that is set up. */
export interface IrqRow {
	readonly node: string;
	readonly kind: IrqName;
	readonly vector: number;
	/** masked; only INTx can be */
	readonly masked: boolean;
	/** INTx is asserted */
	readonly asserted: boolean;
	/** the count of its eventfd, where it is known; null: no eventfd */
	readonly count: bigint | undefined | null;
}

/** A device raises an interrupt. Throws a ControlError for a device that has none, or a vector that it lacks. */
export function raiseIrq(sim: Sim, name: string, { vector = 0, bits = 1, clear = false, single }: IrqToRaise): RaisedIrq {
	const device = pciDevice(sim, name);
	const { interrupts, edu, model } = device;
	if (single !== undefined) {
		const delivery = interrupts.trigger(single === "ERR" ? ERROR : REQUEST, 0);
		return { kind: single, vector: 0, delivery, asserted: interrupts.line };
	}
	const { kind } = interrupts;
	const count = kind === MSIX ? model.msix : kind === MSI ? model.msi : 1;
	if (vector >= count)
		throw new ControlError(EINVAL, `${name} has no vector ${vector}: ${kind === undefined ? "INTx" : nameOf(kind)} has ${count}`);
	const answer = (delivery: Delivery): RaisedIrq => ({
		kind: kind === undefined ? undefined : nameOf(kind),
		vector,
		delivery,
		asserted: interrupts.line,
	});
	if (edu !== undefined) {
		const before = interrupts.deliveries;
		if (clear) edu.acknowledge(bits);
		else edu.raise(bits);
		return answer(interrupts.deliveries > before ? "signalled" : interrupts.idle);
	}
	if (interrupts.messages) return answer(clear ? "nobody" : interrupts.send(vector));
	return answer(device.setLine(!clear));
}

/** A device that was allowed low power, with an eventfd to be told, wakes up: false if it was not. */
export function wakeDevice(sim: Sim, name: string): boolean {
	return pciDevice(sim, name).power.wake();
}

/** The interrupts that programs have set up, by device. */
export function shownIrqs(sim: Sim): IrqRow[] {
	const rows: IrqRow[] = [];
	for (const [node, device] of sim.vfio?.devices ?? []) {
		if (!(device instanceof PciVfioDevice) || device.opens === 0) continue;
		const { interrupts } = device;
		const { masked, line: asserted, kind } = interrupts;
		const add = (index: number, vector: number) => {
			const intx = index === INTX;
			const count = interrupts.countOf(index, vector);
			rows.push({ node, kind: nameOf(index), vector, masked: intx && masked, asserted: intx && asserted, count });
		};
		if (kind === INTX) add(INTX, 0);
		else if (kind !== undefined) for (const vector of interrupts.connected(kind)) add(kind, vector);
		for (const index of [ERROR, REQUEST]) if (interrupts.connected(index).length > 0) add(index, 0);
	}
	return rows;
}

function nameOf(index: number): IrqName {
	return NAMES[index as keyof typeof NAMES];
}

function pciDevice(sim: Sim, name: string): PciVfioDevice {
	const { vfio } = findDevice(sim, name);
	if (vfio === undefined) throw new ControlError(ENODEV, `${name} has no file in /dev/vfio/devices, so nobody can have its interrupts`);
	if (!(vfio instanceof PciVfioDevice)) throw new ControlError(EOPNOTSUPP, `${name} is emulated in software, without interrupts`);
	return vfio;
}
