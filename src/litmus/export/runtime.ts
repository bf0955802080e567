/** The parts of an exported race that are the same for every test. */

/** What stands before the structs. */
export const BEGINNING = `#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define UNUSED __attribute__((unused))`;

/** What calls use. */
export const HELPERS = `/* The answers of one thread, in words. */
struct text {
	char bytes[8192];
	size_t used;
	/* where the answer of the line at hand starts, and whether one of its calls failed */
	size_t line;
	int failed, mute;
};

__attribute__((format(printf, 2, 3)))
static void say(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	if (text->mute || text->used >= sizeof(text->bytes))
		return;
	va_start(args, format);
	length = vsnprintf(text->bytes + text->used, sizeof(text->bytes) - text->used, format, args);
	va_end(args);
	if (length > 0)
		text->used += (size_t)length;
}

static void begin(struct text *text, const char *label)
{
	text->mute = 0;
	say(text, "%s%s ", text->used ? "; " : "", label);
	text->line = text->used;
	text->failed = 0;
}

static const char *errno_name(int number)
{
	static char other[32];

	for (size_t at = 0; at < sizeof(errnos) / sizeof(errnos[0]); at++)
		if (errnos[at].number == number)
			return errnos[at].name;
	snprintf(other, sizeof(other), "errno %d", number);
	return other;
}

/* A line fails with the first of its calls that does. */
static long answer(struct text *text, long ret)
{
	int number = errno;

	if (text->failed) {
		text->mute = 1;
		return ret;
	}
	if (text->used > text->line)
		text->used = text->line;
	say(text, "%s", ret < 0 ? errno_name(number) : "ok");
	text->failed = ret < 0;
	return ret;
}

UNUSED static void field(struct text *text, const char *name, unsigned long long before, unsigned long long after)
{
	if (before != after)
		say(text, " %s=0x%llx", name, after);
}

UNUSED static void data(struct text *text, const void *bytes, long length)
{
	say(text, " data=");
	for (long at = 0; at < length; at++)
		say(text, "%02x", ((const unsigned char *)bytes)[at]);
}

/* A test's memory is where iommuctl had it. */
UNUSED static void *memory(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

UNUSED static long map_memory(uint64_t address, size_t length, int prot, int flags, int file, off_t offset)
{
	return mmap(memory(address), length, prot, flags | MAP_FIXED_NOREPLACE, file, offset) == memory(address) ? 0 : -1;
}

UNUSED static long memory_file(const char *name, off_t length, unsigned int flags)
{
	int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	if (file >= 0 && ftruncate(file, length) != 0)
		return -1;
	return file;
}

UNUSED static long ready(int file, short events, short *revents)
{
	struct pollfd one = { .fd = file, .events = events };
	long ret = poll(&one, 1, 0);

	*revents = one.revents;
	return ret;
}`;

/** What threads share; with processes it is in memory that fork(2) does not copy. */
const SHARED = `static pthread_barrier_t barrier;
static struct text texts[THREADS + 1];

static void share(void)
{
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
}`;

const SHARED_BY_PROCESSES = `static struct shared {
	pthread_barrier_t barrier;
	struct text texts[THREADS + 1];
} *shared;
#define barrier (shared->barrier)
#define texts (shared->texts)

static void share(void)
{
	pthread_barrierattr_t attr;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		exit(3);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&barrier, &attr, THREADS + 1);
}`;

const PROCESSES = `/* A process has the files of the setup and a copy of its memory, and ends when all have made their calls. */
static void start_processes(void)
{
	for (size_t at = 0; at < THREADS; at++) {
		if (!is_process[at])
			continue;
		pids[at] = fork();
		if (pids[at] < 0)
			exit(3);
		if (pids[at] > 0)
			continue;
		pthread_barrier_wait(&barrier);
		if (!stop) {
			take_part(at);
			pthread_barrier_wait(&barrier);
		}
		_exit(0);
	}
}

static void end_processes(void)
{
	for (size_t at = 0; at < THREADS; at++)
		if (is_process[at])
			waitpid(pids[at], NULL, 0);
}

`;

/**
 * Threads, the histogram and main. `THREADS`, `threads`, `setup`, `last`, `cleanup`, `start`, `allowed` and `ALLOWED` stand before it.
 * @param processes which of the threads are processes
 */
export function ending(processes: readonly boolean[]): string {
	const some = processes.includes(true);
	const only = (text: string): string => (some ? text : "");
	return `${some ? SHARED_BY_PROCESSES : SHARED}
static unsigned int delays[THREADS];
static int stop;
${only(`static const int is_process[THREADS] = { ${processes.map(Number).join(", ")} };\nstatic pid_t pids[THREADS];\n`)}
static void take_part(size_t me)
{
	for (volatile unsigned int left = delays[me]; left > 0; left--)
		;
	threads[me](&texts[me]);
}

${only(PROCESSES)}UNUSED static void *race(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&barrier);
		if (stop)
			return NULL;
		take_part((size_t)(uintptr_t)arg);
		pthread_barrier_wait(&barrier);
	}
}

/* Outcomes, those that are allowed first. */
static struct {
	char *text;
	unsigned long rounds;
} seen[4096];
static size_t seen_count;

static void count(const char *text)
{
	size_t at;

	for (at = 0; at < seen_count; at++)
		if (strcmp(seen[at].text, text) == 0)
			break;
	if (at == sizeof(seen) / sizeof(seen[0]))
		return;
	if (at == seen_count)
		seen[seen_count++].text = strdup(text);
	seen[at].rounds++;
}

static unsigned int random_below(unsigned int below)
{
	static uint32_t state = 0x9e3779b9;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

int main(int argc, char **argv)
{
	static const unsigned int spreads[] = { 1, 16, 128, 1024, 4096 };
	static char outcome[(sizeof(struct text) + 2) * (THREADS + 1)];
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000;
	pthread_t ids[THREADS];
	int unexplained = 0;

	for (size_t at = 0; at < ALLOWED; at++)
		seen[seen_count++].text = strdup(allowed[at]);
	share();
	for (size_t at = 0; at < THREADS; at++)
		if (${only("!is_process[at] && ")}pthread_create(&ids[at], NULL, race, (void *)(uintptr_t)at) != 0)
			return 3;
	for (unsigned long round = 0; round < rounds; round++) {
		unsigned int spread = spreads[random_below(sizeof(spreads) / sizeof(spreads[0]))];
		size_t used = 0;

		for (size_t at = 0; at <= THREADS; at++) {
			texts[at].used = 0;
			texts[at].mute = 0;
		}
		start();
		setup(&texts[THREADS]);
		texts[THREADS].used = 0;
		for (size_t at = 0; at < THREADS; at++)
			delays[at] = random_below(spread);
${only("\t\tstart_processes();\n")}		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
${only("\t\tend_processes();\n")}		last(&texts[THREADS]);
		cleanup();
		for (size_t at = 0; at <= THREADS; at++) {
			size_t length = texts[at].used < sizeof(texts[at].bytes) ? texts[at].used : sizeof(texts[at].bytes) - 1;

			if (length == 0)
				continue;
			if (used > 0) {
				memcpy(outcome + used, "; ", 2);
				used += 2;
			}
			memcpy(outcome + used, texts[at].bytes, length);
			used += length;
		}
		outcome[used] = 0;
		count(outcome);
	}
	stop = 1;
${only("\tstart_processes();\n")}	pthread_barrier_wait(&barrier);
	for (size_t at = 0; at < THREADS; at++)
		${only("if (!is_process[at])\n\t\t\t")}pthread_join(ids[at], NULL);
${only("\tend_processes();\n")}	for (size_t at = 0; at < seen_count; at++) {
		printf("%2zu %8lu  %s%s\\n", at + 1, seen[at].rounds, seen[at].text, at < ALLOWED ? "" : "  <- NOT EXPLAINED by any order");
		unexplained |= at >= ALLOWED;
	}
	return unexplained;
}`;
}
