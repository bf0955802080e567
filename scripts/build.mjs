#!/usr/bin/env node
// Bundles src/cli/main.ts into dist/: one small entry, and a chunk for each part that is imported
// only where it is needed. FFI's packages are native, so they go beside the bundle as they are: an
// installed iommuctl depends on no other package, and never meets their install scripts, which reject
// the prebuilt binaries that work and fail to compile others.
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const native = ["ffi-napi", "ref-napi", "ref-struct-di"];
const nativeNeeds = ["node-gyp-build", "debug", "ms"];
// Built beside and moved into place, so that a build that fails or is interrupted leaves the old one.
const fresh = `${dist}.${process.pid}`;

try {
	mkdirSync(fresh, { recursive: true });
	const { metafile } = await build({
		absWorkingDir: root,
		entryPoints: { main: "src/cli/main.ts" },
		outdir: fresh,
		bundle: true,
		splitting: true,
		format: "esm",
		platform: "node",
		target: "node20",
		external: native,
		// CommonJS dependencies require Node's own modules, which an ES module can not without this.
		banner: { js: 'import { createRequire as $require } from "node:module"; const require = $require(import.meta.url);' },
		chunkNames: "[name]-[hash]",
		minifySyntax: true,
		minifyWhitespace: true,
		legalComments: "none",
		metafile: true,
		logLevel: "warning",
	});
	writeFileSync(join(fresh, "LICENSES.txt"), licences(Object.keys(metafile.inputs)));
	for (const name of [...native, ...nativeNeeds]) vendor(name, join(fresh, "node_modules", name));
	replace(fresh, dist);
} catch (error) {
	// esbuild has printed its own errors
	if (!Array.isArray(error?.errors)) console.error(error);
	process.exitCode = 1;
} finally {
	rmSync(fresh, { recursive: true, force: true });
}

/** What runs of a package, for the one system that has iommufd. */
function vendor(name, to) {
	const from = join(root, "node_modules", name);
	const wanted = /^(?:|package\.json|licen[cs]e.*|[^/]+\.js|(?:lib|src|node_modules)(?:\/.*)?|prebuilds|prebuilds\/linux-[^/]*(?:\/.*)?)$/i;
	const unwanted = /\.(?:c|cc|h|map|d\.ts)$|^(?:test|bin|optional|build-test)\.js$/;
	cpSync(from, to, {
		recursive: true,
		filter: (path) => {
			const inside = relative(from, path);
			return wanted.test(inside) && !unwanted.test(inside);
		},
	});
}

/** Two builds may end at the same moment: the later one wins. */
function replace(from, to) {
	const old = `${to}.old.${process.pid}`;
	for (let attempt = 0; ; attempt++) {
		try {
			if (existsSync(to)) renameSync(to, old);
			renameSync(from, to);
			break;
		} catch (error) {
			if (attempt === 5) throw error;
		} finally {
			rmSync(old, { recursive: true, force: true });
		}
	}
}

/** The licences of the packages that are inside the bundle, as they ask. */
function licences(inputs) {
	const packages = new Set(inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
	const texts = [...packages].sort().map((name) => {
		const folder = join(root, "node_modules", name);
		const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
		return `${name} ${version} (${license})\n\n${licenceText(folder)}`;
	});
	return texts.join(`\n${"-".repeat(80)}\n`);
}

function licenceText(folder) {
	for (const name of ["LICENSE", "LICENSE.md", "license", "LICENCE"]) {
		try {
			return readFileSync(join(folder, name), "utf8");
		} catch {}
	}
	return "";
}
