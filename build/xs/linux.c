/* What xs-host takes from Linux: files, time, and natives by name. */
#include <dlfcn.h>
#include <errno.h>

#include "xsAll.h"
#include "host.h"

int main(int argc, char** argv)
{
	return hostMain(argc, argv);
}

void fxDeleteMachinePlatform(txMachine* the)
{
	(void)the;
}

int hostFindFile(const char* path, char* fullPath)
{
	struct stat status;
	if (!realpath(path, fullPath) || stat(fullPath, &status))
		return 0;
	errno = S_ISDIR(status.st_mode) ? EISDIR : 0;
	return errno == 0;
}

txCallback hostFindNative(const char* name)
{
	/* The executable is linked with -rdynamic: its own C functions are found by name. */
	return (txCallback)dlsym(RTLD_DEFAULT, name);
}

/* TIME */

static struct timespec now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

uint32_t modMilliseconds(void)
{
	struct timespec time = now();
	return (uint32_t)((uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000);
}

txNumber hostNowMs(void)
{
	struct timespec time = now();
	return time.tv_sec * 1000.0 + time.tv_nsec / 1e6;
}

void hostSleep(txNumber ms)
{
	struct timespec wait = { (time_t)(ms / 1000), (long)(fmod(ms, 1000) * 1e6) };
	nanosleep(&wait, NULL);
}

static void nanoseconds(txMachine* the)
{
	struct timespec time = now();
	mxResult->value.number = time.tv_sec * 1e9 + time.tv_nsec;
	mxResult->kind = XS_NUMBER_KIND;
}

void hostStartPlatform(txMachine* the)
{
	hostAddFunction(the, "nanoseconds", nanoseconds, 0);
}
