/** `device set-irqs` and `device reset`: interrupts of a VFIO device, and its reset. */
import { vfio_irq_set, vfioDeviceCalls } from "../../../../structs/index.js";
import { showIo } from "../../call/io-result.js";
import { parseFd, parseNumber } from "../../call/natural.js";
import { announce } from "../../frame/announce.js";
import type { Argument, CommandSpec, Invocation } from "../../frame/command.js";
import { type Outcome, UsageError } from "../../frame/exit.js";
import { plural } from "../../frame/text.js";

/** The kinds of interrupts, by their index. */
const KINDS = ["intx", "msi", "msi-x", "err", "req"];
const ACTIONS: Readonly<Record<string, number>> = { mask: 0x08, unmask: 0x10, trigger: 0x20 };
const DATA_NONE = 1;
const DATA_BOOL = 2;
const DATA_EVENTFD = 4;
const split = (ret: number) => ({ ret: ret < 0 ? -1 : ret, errno: ret < 0 ? -ret : 0 });

function requestOf(name: string): number {
	for (const call of vfioDeviceCalls.values()) if (call.name === name) return call.request;
	throw new Error(name);
}

/** What goes behind the struct: the flag of its type, its bytes, and how many interrupts it is for; undefined: nothing. */
function dataOf({ options }: Invocation): { readonly type: number; readonly bytes: Uint8Array; readonly count: number } | undefined {
	const events = options.eventfd as string[] | undefined;
	const flags = options.bool as string[] | undefined;
	if (events !== undefined && flags !== undefined) throw new UsageError("--eventfd and --bool both give the data", "give one of them");
	if (events !== undefined) {
		const fds = events.map((text) => (text === "-1" ? -1 : parseFd(text, "--eventfd")));
		return { type: DATA_EVENTFD, bytes: new Uint8Array(Int32Array.from(fds).buffer), count: fds.length };
	}
	if (flags === undefined) return undefined;
	const bytes = flags.map((text) => {
		if (text !== "0" && text !== "1") throw new UsageError(`--bool: "${text}" is not a flag`, "give 0 or 1");
		return Number(text);
	});
	return { type: DATA_BOOL, bytes: Uint8Array.from(bytes), count: bytes.length };
}

async function setIrqs(inv: Invocation, path: string): Promise<Outcome> {
	const { options } = inv;
	const kind = (options.index as string | undefined) ?? "intx";
	const index = KINDS.indexOf(kind.toLowerCase());
	if (index < 0) throw new UsageError(`--index: "${kind}" is not a kind of interrupt`, `the kinds are ${KINDS.join(", ")}`);
	const name = (options.action as string | undefined) ?? "trigger";
	const action = ACTIONS[name.toLowerCase()];
	if (action === undefined)
		throw new UsageError(`--action: "${name}" is not an action`, `the actions are ${Object.keys(ACTIONS).join(", ")}`);
	const given = dataOf(inv);
	const start = Number(parseNumber((options.start as string | undefined) ?? "0", "--start"));
	const count = options.count === undefined ? (given?.count ?? 1) : Number(parseNumber(options.count as string, "--count"));
	const { type, bytes } = given ?? { type: DATA_NONE, bytes: new Uint8Array(0) };
	const head = vfio_irq_set.encode({ argsz: vfio_irq_set.size + bytes.length, flags: type | action, index, start, count });
	const arg = new Uint8Array(head.length + bytes.length);
	arg.set(head);
	arg.set(bytes, head.length);
	await announce(inv);
	const fd = await inv.context.deviceFile(path);
	const ret = fd < 0 ? fd : (await inv.context.kernel()).ioctl(fd, requestOf("VFIO_DEVICE_SET_IRQS"), arg);
	return await showIo(inv, {
		command: "device set-irqs",
		call: "VFIO_DEVICE_SET_IRQS",
		...split(ret),
		headline: `VFIO_DEVICE_SET_IRQS: ${doneText(type, name.toLowerCase(), count)} (${kind.toLowerCase()}${start > 0 ? ` from ${start}` : ""})`,
	});
}

/** What a call did that succeeded, in words. */
function doneText(type: number, action: string, count: number): string {
	if (count === 0) return "no interrupts any more";
	if (type === DATA_EVENTFD) return `${plural(count, "eventfd")} set, to ${action === "unmask" ? "unmask" : "be signalled"}`;
	const words: Readonly<Record<string, string>> = { mask: "masked", unmask: "unmasked", trigger: "triggered" };
	return `${plural(count, "interrupt")} ${words[action]}`;
}

async function reset(inv: Invocation, path: string): Promise<Outcome> {
	await announce(inv);
	const fd = await inv.context.deviceFile(path);
	const ret = fd < 0 ? fd : (await inv.context.kernel()).ioctl(fd, requestOf("VFIO_DEVICE_RESET"), 0n);
	return await showIo(inv, {
		command: "device reset",
		call: "VFIO_DEVICE_RESET",
		...split(ret),
		headline: "VFIO_DEVICE_RESET: the device was reset",
	});
}

/** `pathOf`: the path of the file of the device that a command names. */
export function irqCommands(deviceArg: Argument, pathOf: (inv: Invocation) => string): readonly CommandSpec[] {
	return [
		{
			name: "set-irqs",
			summary: "connect a device's interrupts with eventfds, mask or trigger them",
			details: [
				"An eventfd counts the interrupts that it is connected with (file eventfd makes one, file read shows its count and sets it to 0). Without",
				"--eventfd and --bool the call has no data: it masks, unmasks or triggers, and with --count 0 it ends interrupts of that kind. One of INTx,",
				"MSI and MSI-X can be in use at a time. INTx is masked by each interrupt: unmask it, or connect an eventfd to do that (--action unmask).",
			].join("\n"),
			args: [deviceArg],
			options: () => [
				{ flags: "--index <kind>", value: { names: KINDS }, doc: "which kind of interrupt (intx)" },
				{ flags: "--action <action>", value: { names: Object.keys(ACTIONS) }, doc: "what to do (trigger)" },
				{ flags: "--start <n>", doc: "the first interrupt of the kind (0)" },
				{ flags: "--count <n>", doc: "how many (as many as there are data, else 1)" },
				{ flags: "--eventfd <fd>", doc: "the eventfd of an interrupt, -1 to remove it; repeat it for the next one", repeat: true },
				{ flags: "--bool <flag>", doc: "whether (1) or not (0) an interrupt is meant; repeat it for the next one", repeat: true },
			],
			groups: ["kernel", "expect"],
			examples: [
				["device set-irqs vfio0 --eventfd $e", "INTx signals the eventfd; in a script, after `e = file eventfd`"],
				["device set-irqs vfio9 --index msi-x --eventfd $e --eventfd $f", "the first two vectors of MSI-X"],
				["device set-irqs vfio0 --action unmask", "INTx may signal again"],
				["device set-irqs vfio0 --count 0", "no INTx any more"],
			],
			run: (inv) => setIrqs(inv, pathOf(inv)),
		},
		{
			name: "reset",
			summary: "reset a device by itself (VFIO_DEVICE_RESET)",
			details: "EINVAL for a device that cannot be reset alone: it has no FLR, and shares its bus.",
			args: [deviceArg],
			groups: ["kernel", "expect"],
			examples: [["device reset vfio9", "in a script, after `device bind vfio9`"]],
			run: (inv) => reset(inv, pathOf(inv)),
		},
	];
}
