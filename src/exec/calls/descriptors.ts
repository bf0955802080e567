/** close, dup and so on of numbers in the range of simulated files: what was known of them is forgotten. */
import type { Notification } from "../notify.js";
import type { Served } from "../supervisor.js";
import type { Handlers } from "./index.js";

export function descriptorCalls({ processes }: Served): Handlers {
	const forget = ({ tid }: Notification): undefined => {
		processes.known(tid)?.forget();
	};
	return { close: forget, close_range: forget, dup2: forget, dup3: forget };
}
