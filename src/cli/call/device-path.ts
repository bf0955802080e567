/** Where VFIO devices are. */
export const deviceFolder = "/dev/vfio/devices";

/** `vfio0` is /dev/vfio/devices/vfio0; a path is itself. */
export const devicePath = (name: string): string => (name.includes("/") ? name : `${deviceFolder}/${name}`);
