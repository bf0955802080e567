/** Loads ref-napi and the bindings of ffi-napi; no other file knows these modules. */
import { createRequire } from "node:module";
import { EnvironmentError } from "../environment-error.js";

/** The part of ref-napi that is used. */
export interface RefModule {
	/** A view of `length` bytes at the address that `buffer` holds at `offset`. */
	readPointer(buffer: Uint8Array, offset: number, length: number): Buffer;
	/** Writes the address of `target` into `buffer`. */
	writePointer(buffer: Uint8Array, offset: number, target: Uint8Array): void;
}

/** Memory passed to native code; the bindings accept any of these as a Buffer. */
export type NativeBytes = Uint8Array | Int8Array;

/** The part of ffi-napi/lib/bindings, the thin layer over libffi, that is used. */
export interface FfiBindings {
	ffi_prep_cif(cif: Uint8Array, argCount: number, returnType: Uint8Array, argTypes: Uint8Array, abi: number): number;
	ffi_call(cif: NativeBytes, fn: NativeBytes, result: NativeBytes, args: NativeBytes): void;
	/** The same on a thread of libuv's pool; the arguments must stay where they are until `done`. */
	ffi_call_async(cif: NativeBytes, fn: NativeBytes, result: NativeBytes, args: NativeBytes, done: (error: unknown) => void): void;
	readonly FFI_OK: number;
	readonly FFI_DEFAULT_ABI: number;
	readonly FFI_CIF_SIZE: number;
	readonly FFI_TYPES: Readonly<Record<string, Buffer>>;
	readonly StaticFunctions: Readonly<Record<string, Buffer>>;
}

export interface Ffi {
	readonly ref: RefModule;
	readonly bindings: FfiBindings;
}

/** Where the modules come from; a test passes one that fails. May throw what `require` throws. */
export type FfiLoader = () => Ffi;

export interface Host {
	readonly platform: string;
	readonly arch: string;
	readonly littleEndian: boolean;
}

/** The architectures with iommufd for which both modules ship working binaries. */
const architectures = ["x64", "arm64"];

const thisHost: Host = {
	platform: process.platform,
	arch: process.arch,
	littleEndian: new Uint8Array(Uint16Array.of(1).buffer)[0] === 1,
};

/** ref-napi first: ffi-napi takes its memory from the loaded instance. */
export const requireFfi: FfiLoader = () => {
	const require = createRequire(import.meta.url);
	const ref = require("ref-napi") as RefModule;
	return { ref, bindings: require("ffi-napi/lib/bindings") as FfiBindings };
};

const orSimulate = "or use the simulated kernel (--kernel sim)";

/** @throws EnvironmentError that says why FFI cannot be used here and what to do */
export function loadFfi(load: FfiLoader = requireFfi, host: Host = thisHost): Ffi {
	if (host.platform !== "linux") {
		throw new EnvironmentError(`the real kernel needs Linux, and this is ${host.platform}`, "use the simulated kernel (--kernel sim)");
	}
	if (!architectures.includes(host.arch) || !host.littleEndian) {
		throw new EnvironmentError(
			`the real kernel needs FFI, and ffi-napi has no binary for ${host.platform}-${host.arch}`,
			`run it on ${architectures.join(" or ")}, ${orSimulate}`,
		);
	}
	try {
		return load();
	} catch (cause) {
		throw loadFailure(cause);
	}
}

function loadFailure(cause: unknown): EnvironmentError {
	const { code, message = String(cause) } = cause as NodeJS.ErrnoException;
	const [line = ""] = message.split("\n");
	if (code === "MODULE_NOT_FOUND") {
		return new EnvironmentError(
			`FFI cannot be loaded: ${line}`,
			`install the dependencies (npm install, in the folder that holds iommuctl's package.json), ${orSimulate}`,
			{ cause },
		);
	}
	if (code === "ERR_DLOPEN_DISABLED") {
		return new EnvironmentError(
			"FFI cannot be loaded: this Node runs without native addons",
			`start it without --no-addons, and with --allow-addons where --permission is given, ${orSimulate}`,
			{ cause },
		);
	}
	if (code === "ERR_DLOPEN_FAILED" || /No native build was found/.test(message)) {
		return new EnvironmentError(
			`FFI cannot be loaded: ${line}`,
			`it needs a Linux with glibc and the binaries that ref-napi and ffi-napi ship (npm install --ignore-scripts), ${orSimulate}`,
			{ cause },
		);
	}
	return new EnvironmentError(`FFI cannot be loaded: ${line}`, `try another Node (20 to 26 are known to work), ${orSimulate}`, { cause });
}
