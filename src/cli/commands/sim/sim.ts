/** `sim`: the simulated machine's hardware. */
import type { Family } from "../../frame/command.js";
import { cacheCommands } from "./caches.js";
import { dmaCommands } from "./dma.js";
import { eventCommands } from "./events.js";
import { explainCommands } from "./explain.js";
import { irqCommands } from "./irq.js";
import { recordCommands } from "./records.js";
import { refusableFamily } from "./refusals.js";
import { requestCommands } from "./requests.js";
import { walkCommand } from "./walk.js";

const family: Family = {
	name: "sim",
	details: [
		"The simulated machine's hardware: its devices do DMA, ask for pages and fail; its IOMMUs cache. It lives as long as the kernel",
		"that the command runs on, so most of this belongs in a script (iommuctl run) or a session.",
	].join("\n"),
	commands: [
		...dmaCommands,
		...requestCommands,
		...eventCommands,
		...irqCommands,
		...cacheCommands,
		...recordCommands,
		...explainCommands,
		walkCommand,
	],
};
export default refusableFamily(family);
