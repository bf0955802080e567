#!/usr/bin/env node
// Finds the build and starts it. Kept tiny: everything here is paid for at every start.
import module from "node:module";

module.enableCompileCache?.();
try {
	await import("../dist/main.js");
} catch (error) {
	if (error?.code !== "ERR_MODULE_NOT_FOUND" || !String(error.message).includes("dist/main.js")) throw error;
	process.stderr.write("iommuctl: not built yet: run `npm run build` in the folder of iommuctl\n");
	process.exitCode = 3;
}
