/** Series of calls that build on each other, so that programs get to where single random calls rarely do. */
import { ioctls } from "../../../structs/index.js";
import type { Known } from "../known.js";
import type { Random } from "../random.js";
import { accessed, compat } from "./accesses.js";
import { call, type Scene, type SceneCall } from "./common.js";
import { dirtied } from "./dirty.js";
import { allowed, gone, mapped } from "./mappings.js";
import { nested } from "./nested.js";
import { pasids } from "./pasids.js";

const scenes: readonly Scene[] = [allowed, gone, mapped, mapped, dirtied, nested, nested, pasids, accessed, accessed, compat];

export function* pickScene(random: Random, known: Known): Generator<SceneCall> {
	if (known.last("ioas") === 0) yield call(ioctls.IOMMU_IOAS_ALLOC, {});
	yield* random.pick(scenes)(random, known);
}
