// What scripts/exec-qemu.sh boots as the guest's first process: DMA through edu, by physical addresses or with its own iommufd.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER 0x40000
#define PAGE 4096
#define IOVA 0x7000000

/* The structs of linux/iommufd.h and linux/vfio.h that are used here: older headers do not have them. */
struct bind { uint32_t argsz, flags; int32_t iommufd; uint32_t devid; };
struct attach { uint32_t argsz, flags, pt; };
struct region { uint32_t argsz, flags, index, cap; uint64_t size, offset; };
struct ioas_alloc { uint32_t size, flags, ioas; };
struct ioas_map { uint32_t size, flags, ioas, reserved; uint64_t addr, length, iova; };
struct ioas_unmap { uint32_t size, ioas; uint64_t iova, length; };
struct set_irqs { uint32_t argsz, flags, index, start, count; int32_t fd; };
#define CALL(nr) _IO(';', nr)

static char path[512];
static int memory = -1; /* region 0 by file, as the device's own or as sysfs has it mapped */
static uint64_t base;
static volatile uint8_t *registers;

static void end(int failed) {
	printf("guest: %s\n", failed ? "failed" : "done");
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT);
	for (;;) pause();
}

static int check(const char *what, long rc) {
	if (rc < 0) {
		printf("guest: %s: %s\n", what, strerror(errno));
		end(1);
	}
	return (int)rc;
}

static void hold(const char *what, int holds) {
	printf("guest: %s: %s\n", what, holds ? "ok" : "WRONG");
	if (!holds) end(1);
}

static int text(const char *name, const char *value) {
	int fd = open(name, O_WRONLY);
	if (fd < 0) return -1;
	int rc = (int)write(fd, value, strlen(value));
	close(fd);
	return rc;
}

static uint32_t number(const char *folder, const char *name) {
	char file[600], content[64] = "";
	snprintf(file, sizeof file, "%s/%s", folder, name);
	int fd = check(file, open(file, O_RDONLY));
	check(file, read(fd, content, sizeof content - 1));
	close(fd);
	return (uint32_t)strtoul(content, 0, 0);
}

/* Finds edu among the guest's PCI devices. */
static const char *find(void) {
	static char name[300];
	DIR *folder = opendir("/sys/bus/pci/devices");
	for (struct dirent *each; folder && (each = readdir(folder));) {
		if (each->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", each->d_name);
		if (number(path, "vendor") != 0x1234 || number(path, "device") != 0x11e8) continue;
		snprintf(name, sizeof name, "%s", each->d_name);
		printf("guest: edu is %s\n", name);
		return name;
	}
	hold("edu among the PCI devices", 0);
	return 0;
}

static uint32_t get(uint32_t at) {
	uint32_t value = 0;
	if (registers) return *(volatile uint32_t *)(registers + at);
	check("read a register", pread(memory, &value, 4, (off_t)(base + at)));
	return value;
}

static void put(uint32_t at, uint32_t value) {
	if (registers) *(volatile uint32_t *)(registers + at) = value;
	else check("write a register", pwrite(memory, &value, 4, (off_t)(base + at)));
}

static void transfer(uint64_t from, uint64_t to, uint32_t length, uint32_t command) {
	put(0x80, (uint32_t)from);
	put(0x88, (uint32_t)to);
	put(0x90, length);
	put(0x98, command);
	while (get(0x98) & 1) usleep(1000);
}

/* Both ways: memory to the device's buffer, and from there to other memory. */
static void dma(uint8_t *from, uint8_t *to, uint64_t source, uint64_t target) {
	hold("edu's identification", (get(0) & 0xffff) == 0xed);
	put(4, 0x12345678);
	hold("edu's liveness register", get(4) == ~0x12345678u);
	for (int i = 0; i < PAGE; i++) from[i] = (uint8_t)(i * 7 + 3);
	memset(to, 0, PAGE);
	transfer(source, BUFFER, PAGE, 1);
	transfer(BUFFER, target, PAGE, 3);
	hold("4096 bytes to the device and back", memcmp(from, to, PAGE) == 0);
}

static uint64_t physical(void *page) {
	uint64_t entry = 0;
	int fd = check("/proc/self/pagemap", open("/proc/self/pagemap", O_RDONLY));
	check("read /proc/self/pagemap", pread(fd, &entry, 8, (off_t)((uintptr_t)page / PAGE * 8)));
	close(fd);
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

/* Without a driver: the registers are mapped from sysfs, addresses are physical. */
static void by_sysfs(uint8_t *pages) {
	char file[600];
	snprintf(file, sizeof file, "%s/enable", path);
	check(file, text(file, "1"));
	snprintf(file, sizeof file, "%s/config", path);
	int config = check(file, open(file, O_RDWR));
	uint16_t command = 0;
	check("read its command register", pread(config, &command, 2, 4));
	command |= 6;
	check("bus mastering", pwrite(config, &command, 2, 4));
	snprintf(file, sizeof file, "%s/resource0", path);
	memory = check(file, open(file, O_RDWR | O_SYNC));
	registers = mmap(0, 0x100000, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (registers == MAP_FAILED) check("mmap resource0", -1);
	dma(pages, pages + PAGE, physical(pages), physical(pages + PAGE));
}

/* With vfio-pci and an iommufd of the guest's own. */
static void by_iommufd(const char *name, uint8_t *pages) {
	char file[600];
	snprintf(file, sizeof file, "%s/driver_override", path);
	check(file, text(file, "vfio-pci"));
	check("bind vfio-pci", text("/sys/bus/pci/drivers_probe", name));
	snprintf(file, sizeof file, "%s/vfio-dev", path);
	DIR *folder = opendir(file);
	char node[300] = "";
	for (struct dirent *each; folder && (each = readdir(folder));)
		if (each->d_name[0] != '.') snprintf(node, sizeof node, "/dev/vfio/devices/%s", each->d_name);
	int device = check("open the VFIO device", open(node, O_RDWR));
	int iommufd = check("/dev/iommu", open("/dev/iommu", O_RDWR));
	struct bind bind = {sizeof bind, 0, iommufd, 0};
	check("VFIO_DEVICE_BIND_IOMMUFD", ioctl(device, CALL(118), &bind));
	struct ioas_alloc alloc = {sizeof alloc, 0, 0};
	check("IOMMU_IOAS_ALLOC", ioctl(iommufd, CALL(0x81), &alloc));
	struct attach attach = {sizeof attach, 0, alloc.ioas};
	check("VFIO_DEVICE_ATTACH_IOMMUFD_PT", ioctl(device, CALL(119), &attach));
	/* fixed IOVA, writeable, readable */
	struct ioas_map map = {sizeof map, 7, alloc.ioas, 0, (uintptr_t)pages, 2 * PAGE, IOVA};
	check("IOMMU_IOAS_MAP", ioctl(iommufd, CALL(0x85), &map));
	struct region region = {sizeof region, 0, 0, 0, 0, 0};
	check("VFIO_DEVICE_GET_REGION_INFO of BAR 0", ioctl(device, CALL(108), &region));
	memory = device;
	base = region.offset;
	struct region config = {sizeof config, 0, 7, 0, 0, 0};
	check("VFIO_DEVICE_GET_REGION_INFO of config space", ioctl(device, CALL(108), &config));
	uint16_t command = 6;
	check("bus mastering", pwrite(device, &command, 2, (off_t)(config.offset + 4)));
	dma(pages, pages + PAGE, IOVA, IOVA + PAGE);

	/* an interrupt: MSI's trigger is an eventfd; the DMA engine raises it when it has finished */
	int event = check("eventfd", eventfd(0, EFD_NONBLOCK));
	struct set_irqs irqs = {sizeof irqs, 4 | 32, 1, 0, 1, event};
	check("VFIO_DEVICE_SET_IRQS", ioctl(device, CALL(110), &irqs));
	transfer(IOVA, BUFFER, PAGE, 1 | 4);
	uint64_t count = 0;
	for (int i = 0; i < 200 && read(event, &count, 8) < 0; i++) usleep(10000);
	hold("an interrupt by MSI", count == 1);

	struct ioas_unmap all = {sizeof all, alloc.ioas, 0, UINT64_MAX};
	check("IOMMU_IOAS_UNMAP", ioctl(iommufd, CALL(0x86), &all));
	memset(pages + PAGE, 0, PAGE);
	transfer(BUFFER, IOVA + PAGE, PAGE, 3);
	int reached = 0;
	for (int i = 0; i < PAGE; i++) reached |= pages[PAGE + i];
	hold("after IOMMU_IOAS_UNMAP the device reaches nothing", !reached);
}

int main(void) {
	setvbuf(stdout, 0, _IOLBF, 0);
	mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	if (!freopen("/dev/console", "w", stdout)) return 1;
	char line[1024] = "";
	int fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, line, sizeof line - 1) < 0) return 1;
	uint8_t *pages = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	const char *name = find();
	if (strstr(line, "guest=iommufd")) by_iommufd(name, pages);
	else by_sysfs(pages);
	end(0);
}
