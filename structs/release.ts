/** The releases of Linux that have iommufd. */

const LAST_6 = "6.19";

/** The oldest release with iommufd. */
export const OLDEST_RELEASE = "6.2";

/** The release whose uAPI is declared here, and the default of the simulated kernel. */
export const CURRENT_RELEASE = "7.3";

/** The release after it, as far as it is known. */
export const NEXT_RELEASE = "7.4";

const from = (major: number, first: number, last: string): string[] =>
	Array.from({ length: Number(last.split(".")[1]) - first + 1 }, (_, at) => `${major}.${first + at}`);

/** All releases with iommufd, oldest first; the last is the next one. */
export const RELEASES: readonly string[] = Object.freeze([...from(6, 2, LAST_6), ...from(7, 0, NEXT_RELEASE)]);

/** All releases with iommufd, as text for people. */
export const RELEASE_RANGES = `${OLDEST_RELEASE} to ${LAST_6} and 7.0 to ${NEXT_RELEASE}`;
