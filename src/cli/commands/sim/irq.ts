/** `sim irq`, `sim irqs` and `sim wake`: interrupts of simulated devices. */
import type { RaisedIrq } from "../../../sim/index.js";
import { showIo } from "../../call/io-result.js";
import type { CommandSpec, Invocation } from "../../frame/command.js";
import { done, type Outcome, UsageError } from "../../frame/exit.js";
import { table } from "../../frame/text.js";
import { changing, controlOf, deviceArg, printDocument, smallNumber } from "./control.js";

const SINGLE = { err: "ERR", req: "REQ" } as const;

async function irq(inv: Invocation): Promise<Outcome> {
	const { args, options } = inv;
	const index = options.index as string | undefined;
	if (index !== undefined && !(index in SINGLE)) throw new UsageError(`--index: "${index}" is not err or req`);
	const single = index === undefined ? undefined : SINGLE[index as keyof typeof SINGLE];
	const asked = smallNumber(inv, "vector", "--vector", 0xffffffff);
	const bits = smallNumber(inv, "bits", "--bits", 0xffffffff);
	const { sim } = await changing(inv);
	const { raiseIrq } = await import("../../../sim/index.js");
	const raised = raiseIrq(sim, args[0], { vector: asked, bits, clear: options.clear === true, single });
	const { kind, vector, delivery, asserted } = raised;
	return await showIo(inv, {
		command: "sim irq",
		call: "interrupt",
		ret: 0,
		errno: 0,
		headline: fate(raised),
		json: { device: args[0], kind: kind ?? null, vector, delivery, asserted },
		fields: { signalled: delivery === "signalled" ? 1 : 0, asserted: asserted ? 1 : 0 },
	});
}

function fate({ kind, vector, delivery, asserted }: RaisedIrq): string {
	const name = kind === "MSI" || kind === "MSI-X" ? `${kind} vector ${vector}` : (kind ?? "INTx");
	switch (delivery) {
		case "signalled":
			return `${name}: its eventfd was signalled`;
		case "pending":
			return `${name} is asserted, and masked: it is delivered when it is unmasked`;
		case "idle":
			return `${name} is not asserted any more`;
		case "nobody":
			return `${name}${asserted ? " is asserted, but" : ":"} no eventfd is set up for it`;
	}
}

async function irqs(inv: Invocation): Promise<Outcome> {
	const { sim } = await controlOf(inv);
	const { shownIrqs } = await import("../../../sim/index.js");
	const rows = shownIrqs(sim).map(({ node, kind, vector, masked, asserted, count }) => {
		const known = count === undefined ? null : count === null ? null : Number(count);
		return { device: node, kind, vector, masked, asserted, eventfd: count !== null, count: known };
	});
	if (inv.common.json) {
		printDocument(inv, "iommuctl.sim-irqs", { irqs: rows });
		return done;
	}
	const lines = rows.map(({ device, kind, vector, masked, asserted, eventfd, count }) => [
		device,
		kind,
		`vector ${vector}`,
		[asserted ? "asserted" : "", masked ? "masked" : "", eventfd ? `count ${count ?? "not known"}` : "no eventfd"]
			.filter(Boolean)
			.join(", "),
	]);
	for (const line of table(lines)) inv.io.stdout.write(`${line}\n`);
	if (rows.length === 0) inv.io.stdout.write("no interrupt is set up; device set-irqs does that\n");
	return done;
}

async function wake(inv: Invocation): Promise<Outcome> {
	const { sim } = await changing(inv);
	const { wakeDevice } = await import("../../../sim/index.js");
	const woken = wakeDevice(sim, inv.args[0]);
	return await showIo(inv, {
		command: "sim wake",
		call: "wake",
		ret: 0,
		errno: 0,
		headline: woken ? `${inv.args[0]} woke up; its eventfd was signalled` : `nobody asked to be told when ${inv.args[0]} wakes up`,
		json: { device: inv.args[0], woken },
		fields: { woken: woken ? 1 : 0 },
	});
}

export const irqCommands: readonly CommandSpec[] = [
	{
		name: "irq",
		summary: "a device raises an interrupt",
		details: [
			"It is sent as what a program has set up with VFIO_DEVICE_SET_IRQS: a message (MSI, MSI-X), else INTx, which stays asserted until --clear.",
			"edu sets bits of its interrupt status register, as a write to its register 0x60 does, and --clear acknowledges them (0x64).",
		].join("\n"),
		args: [deviceArg],
		options: () => [
			{ flags: "--vector <n>", doc: "the vector of MSI or MSI-X (0)" },
			{ flags: "--bits <bits>", doc: "bits of edu's interrupt status register (1)" },
			{ flags: "--clear", doc: "INTx is not asserted any more" },
			{
				flags: "--index <kind>",
				value: { names: Object.keys(SINGLE) },
				doc: "an error was found (err), or the host wants the device back (req)",
			},
		],
		groups: ["kernel", "expect"],
		examples: [
			["sim irq vfio0", ""],
			["sim irq vfio9 --vector 3", "in a script, after device set-irqs"],
			["sim irq vfio0 --index req", "as when the host unplugs the device"],
		],
		run: irq,
	},
	{
		name: "irqs",
		summary: "which interrupts programs have set up, and what their eventfds count",
		groups: ["kernel"],
		examples: [["sim irqs", ""]],
		run: irqs,
	},
	{
		name: "wake",
		summary: "a device that was allowed low power wakes up",
		details: "What VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP waits for. Simulated devices never do so by themselves.",
		args: [deviceArg],
		groups: ["kernel", "expect"],
		examples: [["sim wake vfio0", ""]],
		run: wake,
	},
];
