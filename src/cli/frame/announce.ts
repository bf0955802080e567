/** Names the kernel that answers. */
import type { Invocation } from "./command.js";

/** Says once in a context, on stderr, which kernel answers. In JSON every document says it instead, and --quiet leaves it out. */
export async function announce({ context, common, io, err }: Invocation): Promise<void> {
	if (context.announced) return;
	const { which } = await context.handle();
	context.announced = true;
	if (!common.json && !common.quiet) io.stderr.write(`${err.faint(`kernel: ${which}`)}\n`);
}
