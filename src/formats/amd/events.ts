/** AMD's event log (AMD I/O Virtualization Technology specification, 2.5): the codes that faults of DMA are logged with. */
export const AMD_EVENTS = { IO_PAGE_FAULT: 2, PAGE_TAB_HARDWARE_ERROR: 4 } as const;
