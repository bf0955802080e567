// Runs TypeScript sources without a build, for the other scripts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** Bundles TypeScript sources (an esbuild entry), passes the exports to `use`, and removes the bundle. */
export async function withBundle(entry, use) {
	const folder = mkdtempSync(join(tmpdir(), "iommuctl-dev-"));
	try {
		const outfile = join(folder, "bundle.mjs");
		await build({
			...entry,
			bundle: true,
			format: "esm",
			platform: "node",
			target: "node20",
			sourcemap: "inline",
			outfile,
			logLevel: "warning",
		});
		process.setSourceMapsEnabled(true);
		return await use(await import(pathToFileURL(outfile).href));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}
