#!/usr/bin/env node
// Writes man/iommuctl.1 from the commands: npm run man
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "iommuctl-man-"));
try {
	await build({
		absWorkingDir: root,
		entryPoints: { page: "src/cli/man/page.ts" },
		outdir: folder,
		outExtension: { ".js": ".mjs" },
		bundle: true,
		splitting: true,
		format: "esm",
		platform: "node",
		target: "node20",
		external: ["ffi-napi", "ref-napi", "ref-struct-di"],
		banner: { js: 'import { createRequire as $require } from "node:module"; const require = $require(import.meta.url);' },
		logLevel: "warning",
	});
	const { manPage } = await import(pathToFileURL(join(folder, "page.mjs")).href);
	mkdirSync(join(root, "man"), { recursive: true });
	writeFileSync(join(root, "man/iommuctl.1"), await manPage());
} finally {
	rmSync(folder, { recursive: true, force: true });
}
