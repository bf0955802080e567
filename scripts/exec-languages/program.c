// Runs under `iommuctl exec`, linked statically: threads, posix_spawn with dup2, vfork and execve on one context.
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IOMMU_IOAS_ALLOC = 0x3b81, THREADS = 8, CALLS = 100 };
extern char **environ;
static int context;

static int ioas(int fd)
{
	unsigned arg[3] = { sizeof arg, 0, 0 };
	return ioctl(fd, IOMMU_IOAS_ALLOC, arg) ? -1 : (int)arg[2];
}

static void *thread(void *failed)
{
	for (int i = 0; i < CALLS; i++)
		if (ioas(context) < 0)
			*(int *)failed = 1;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return ioas(atoi(argv[1])) < 0;
	pthread_t threads[THREADS];
	int failed[THREADS] = { 0 };
	context = open("/dev/iommu", O_RDWR);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread, &failed[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		if (failed[i])
			return 1;
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, context, 7);
	char *low[] = { argv[0], "7", NULL };
	pid_t child;
	int status = 1;
	if (posix_spawn(&child, argv[0], &actions, NULL, low, environ) || waitpid(child, &status, 0) != child || status)
		return 2;
	char number[16];
	snprintf(number, sizeof number, "%d", context);
	char *same[] = { argv[0], number, NULL };
	if (vfork() == 0) {
		execv(argv[0], same);
		_exit(1);
	}
	if (wait(&status) < 0 || status)
		return 3;
	printf("%d IOASes\n", ioas(context));
	return 0;
}
