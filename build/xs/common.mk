# What the makefiles of all hosts share. Included with CC, AR, CFLAGS and PLATFORM_C set.
EXTRA_C =

engine: $(OUT)/libxs.a
.PHONY: engine host

XS_HOST := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
HOST_C = $(PLATFORM_C) $(addprefix $(XS_HOST), host.c linker.c globals.c modules.c natives.c)
# Snapshots are not wanted, and that file needs settings of its own.
XS_C = $(filter-out %/xsSnapshot.c, $(wildcard $(XS)/sources/*.c))

XS_O = $(patsubst $(XS)/sources/%.c, $(OUT)/%.o, $(XS_C))
HOST_O = $(patsubst /%.c, $(OUT)/%.o, $(abspath $(HOST_C)))
EXTRA_O = $(patsubst /%.c, $(OUT)/%.o, $(abspath $(EXTRA_C)))

DEFINES += -DINCLUDE_XSPLATFORM -DXSPLATFORM='"platform.h"' -DmxParse=1 -DmxRun=1 -DmxLockdown=1
INCLUDES = -I$(XS_HOST) -I$(XS)/includes -I$(XS)/platforms -I$(XS)/sources
# XS is older than the compilers that take these for errors.
XS_CFLAGS = -w -Wno-error=incompatible-pointer-types -Wno-error=implicit-function-declaration -Wno-error=int-conversion

$(OUT)/libxs.a: $(XS_O)
	rm -f $@
	$(AR) rcs $@ $^

# XS's own table of defaults steps aside for the one in linker.c, and so do two functions of xsProperty.c and, on
# Linux, its modMilliseconds, which goes back when somebody sets the clock.
$(OUT)/xsDefaults.o: DEFINES += -DgxDefaults=xsDefaults
$(OUT)/xsProperty.o: DEFINES += -DmxLink=1
$(OUT)/xsPlatforms.o: DEFINES += -DmodMilliseconds=xsMilliseconds

$(OUT)/%.o: $(XS)/sources/%.c $(XS_HOST)platform.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(XS_CFLAGS) $(DEFINES) $(INCLUDES) -c $< -o $@

$(OUT)/%.o: /%.c $(XS_HOST)platform.h $(XS_HOST)host.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOST_CFLAGS) -Wall -Wextra $(DEFINES) $(INCLUDES) -c $< -o $@
