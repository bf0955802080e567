import type { Family } from "../command.js";
import { cacheCommands } from "../sim/caches.js";
import { dmaCommands } from "../sim/dma.js";
import { eventCommands } from "../sim/events.js";
import { explainCommands } from "../sim/explain.js";
import { requestCommands } from "../sim/requests.js";

const family: Family = {
	name: "sim",
	details: [
		"The simulated machine's hardware: its devices do DMA, ask for pages and fail; its IOMMUs cache. It lives as long as the kernel",
		"that the command runs on, so most of this belongs into a script (iommuctl run) or a session.",
	].join("\n"),
	commands: [...dmaCommands, ...requestCommands, ...eventCommands, ...cacheCommands, ...explainCommands],
};
export default family;
