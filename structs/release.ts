/** The releases of Linux that have iommufd. */

/** The release whose uAPI is declared here, and the default of the simulated kernel. */
export const CURRENT_RELEASE = "7.3";

/** All releases with iommufd, oldest first. */
export const RELEASES: readonly string[] = Object.freeze([
	...Array.from({ length: 18 }, (_, at) => `6.${at + 2}`),
	...["7.0", "7.1", "7.2", CURRENT_RELEASE],
]);
