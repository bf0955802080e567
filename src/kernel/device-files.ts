/** Which of a program's files are those of VFIO devices: request numbers mean something else on them than on /dev/iommu. */

/** The files of a program, by their numbers or by their names in a trace. */
export class DeviceFiles<File> {
	readonly #devices: Set<File>;

	/** @param from those of the program that this one is a child of */
	constructor(from?: DeviceFiles<File>) {
		this.#devices = new Set(from ? from.#devices : []);
	}

	/** A file was opened by its path. */
	opened(file: File, path: string): void {
		if (path.startsWith("/dev/vfio/devices/")) this.#devices.add(file);
		else this.#devices.delete(file);
	}

	/** A group's file returned a device's. */
	returned(file: File): void {
		this.#devices.add(file);
	}

	closed(file: File): void {
		this.#devices.delete(file);
	}

	clear(): void {
		this.#devices.clear();
	}

	kind(file: File): "context" | "device" {
		return this.#devices.has(file) ? "device" : "context";
	}
}
