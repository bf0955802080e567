/** Ends the programs when this process is killed: a shell that waits for the end of a pipe. */
import { type ChildProcess, spawn } from "node:child_process";

/** The variable by which it finds them; they inherit it. */
export const MARK = "IOMMUCTL_EXEC";

/**
 * Reads "+PID" and "-PID" (a process is known, and has ended) and "bye". Without a "bye" before the end it kills what it knows,
 * if that has a filter (a number may belong to another process by then), and whatever has the mark in its environment.
 * Nothing of the user's is in this text.
 */
const SCRIPT = `
known=" "
while read -r word; do
	case "$word" in
	bye) exit 0 ;;
	+*) known="$known\${word#+} " ;;
	-*) gone=" \${word#-} "; case "$known" in *"$gone"*) known="\${known%%"$gone"*} \${known#*"$gone"}" ;; esac ;;
	esac
done
for round in 1 2 3; do
	for pid in $known; do
		if grep -qs "^Seccomp:.2" "/proc/$pid/status"; then kill -KILL "$pid" 2>/dev/null; fi
	done
	for file in /proc/[0-9]*/environ; do
		if grep -aqs "$1" "$file"; then pid="\${file#/proc/}"; kill -KILL "\${pid%/environ}" 2>/dev/null; fi
	done
done
`;

export class Watchdog {
	readonly #shell: ChildProcess;

	/** @param mark the mark's value in the programs' environment, of letters and digits */
	constructor(mark: string) {
		this.#shell = spawn("/bin/sh", ["-c", SCRIPT, "iommuctl-watchdog", `${MARK}=${mark}`], {
			// Ctrl-C is not for it.
			detached: true,
			cwd: "/",
			env: { PATH: "/usr/bin:/bin" },
			stdio: ["pipe", "ignore", "ignore"],
		});
		// Without a shell programs still end with this process in every way but being killed.
		this.#shell.on("error", () => {});
		this.#shell.stdin?.on("error", () => {});
		this.#shell.unref();
	}

	get pid(): number | undefined {
		return this.#shell.pid;
	}

	began(pid: number): void {
		this.#shell.stdin?.write(`+${pid}\n`);
	}

	ended(pid: number): void {
		this.#shell.stdin?.write(`-${pid}\n`);
	}

	dismiss(): void {
		this.#shell.stdin?.end("bye\n");
	}
}
