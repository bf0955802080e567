/** dup, close and so on of the numbers of simulated files. */
import { EINVAL, ESRCH } from "../../kernel/errno.js";
import type { Notification } from "../notify.js";
import type { Served } from "../served.js";
import type { Handlers } from "./index.js";
import { int } from "./path.js";

const F_DUPFD_CLOEXEC = 1030;

export function descriptorCalls({ processes, guest }: Served): Handlers {
	/** What was known of the process's numbers may be wrong now. */
	const forget = ({ tid }: Notification): undefined => {
		processes.known(tid)?.forget();
	};

	const duplicate = (notification: Notification, least: number, closeOnExec: boolean): number | undefined => {
		const process = processes.of(notification.tid);
		if (process === undefined) return -ESRCH;
		const fd = int(notification.args[0]);
		if (process.file(fd) === undefined) return undefined;
		if (least < 0) return -EINVAL;
		guest.current = { process, notification, closeOnExec };
		try {
			return guest.duplicate(fd, least, closeOnExec);
		} finally {
			guest.current = undefined;
		}
	};

	return {
		close: forget,
		close_range: forget,
		dup2: forget,
		dup3: forget,
		dup: (notification) => duplicate(notification, 0, false),
		fcntl: (notification) => duplicate(notification, int(notification.args[2]), int(notification.args[1]) === F_DUPFD_CLOEXEC),
	};
}
