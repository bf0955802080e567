/** Starts the real kernel and prints the outcome, as the command line would see it. */
import { EnvironmentError, openRealKernel } from "../../../../src/kernel/real/index.js";

function outcome(): object {
	try {
		const kernel = openRealKernel();
		const fd = kernel.open("/dev/null");
		kernel.exit();
		return { opened: fd > 2 };
	} catch (error) {
		if (!(error instanceof EnvironmentError)) throw error;
		return { message: error.message, hint: error.hint };
	}
}

process.stdout.write(JSON.stringify(outcome()));
