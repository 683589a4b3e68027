# What the makefiles of bare machines share: XS without an operating system, under QEMU. Included with TOOLS, TARGET,
# MACHINE_C and LDFLAGS set. A setup.mjs calls them; by hand, XS being the folder with XS's sources, includes and platforms:
#   make -j engine XS=... OUT=...
#   make -j host XS=... ENGINE=(OUT of the first step) OUT=... [EXTRA_C="natives.c ..."]
# EXTRA_C are files with more natives; a script reaches their functions by native("name").
CC = $(TOOLS)gcc
AR = $(TOOLS)ar

host: $(OUT)/xs-host.elf $(OUT)/sizes.txt

BARE := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
PLATFORM_C = $(BARE)bare.c $(MACHINE_C)
# As Moddable's makefile compiles a release build for a device of the ESP32 family.
CFLAGS = $(TARGET) -std=gnu17 -Os -fno-inline-functions -fno-jump-tables -falign-functions=4 -fstrict-volatile-bitfields \
	-ffunction-sections -fdata-sections
HOST_CFLAGS = -Wno-clobbered -I$(BARE) -DADDR2LINE='"$(TOOLS)addr2line"'

include $(BARE)../xs/common.mk

$(OUT)/xs-host.elf: $(HOST_O) $(EXTRA_O) $(OUT)/nativeTable.o $(ENGINE)/libxs.a
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--gc-sections $^ -o $@ -lm

# What dlsym is on Linux: the names of all C functions that a script may ask for.
$(OUT)/nativeTable.c: $(filter %/natives.o, $(HOST_O)) $(EXTRA_O)
	$(TOOLS)nm --defined-only --extern-only $^ | awk '$$2 == "T" { \
		declared = declared "void " $$3 "(xsMachine*);\n"; listed = listed "\t{ \"" $$3 "\", " $$3 " },\n" } \
		END { print "#include \"xsmc.h\"\n" declared "const struct { const char* name; xsCallback callback; } hostNatives[] = {"; \
		print listed "\t{ 0, 0 }\n};" }' > $@

$(OUT)/nativeTable.o: $(OUT)/nativeTable.c
	$(CC) $(CFLAGS) -fno-builtin -w $(DEFINES) $(INCLUDES) -c $< -o $@

$(OUT)/sizes.txt: $(EXTRA_O)
	if [ -n "$^" ]; then $(TOOLS)size $^; fi > $@
