/* The natives of readers. */
#include "telemetryEmitter.h"

typedef struct {
	TelemetryReader reader; /* first, because the emitter's list links these */
	TelemetryEmitter* emitter;
	uint8_t isClosed;
#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryPastReader past;
#endif
} Reader;

void xs_telemetry_reader_destructor(void* data)
{
	Reader* reader = data;
	TelemetryEmitter* emitter;
	if (!reader)
		return;
	emitter = reader->emitter;
	/* An open reader keeps holding the ring back, as one does that a script keeps. */
	if (reader->isClosed)
		c_free(reader);
	telemetryDrop(emitter);
}

static void markReader(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Reader* reader = data;
	telemetryMarkEmitter(the, reader->emitter, markRoot);
}

static const xsHostHooks readerHooks = { .destructor = xs_telemetry_reader_destructor, .marker = markReader };

static Reader* readerOf(xsMachine* the)
{
	return xsmcGetHostDataValidate(xsThis, (void*)&readerHooks);
}

/* Under "discard" the slowest reader decides what may be evicted; without a reader nothing may be. */
static void protect(TelemetryEmitter* emitter)
{
	uint64_t position = emitter->readers ? UINT64_MAX : emitter->ring.tail;
	for (TelemetryReader* reader = emitter->readers; reader; reader = reader->next) {
		if (reader->position < position)
			position = reader->position;
	}
	telemetryRingProtect(&emitter->ring, position);
}

/** new Reader(emitter) */
void xs_telemetry_reader(xsMachine* the)
{
	TelemetryEmitter* emitter = telemetryEmitterArgument(the, 1);
	TelemetryReader** link = &emitter->readers;
	Reader* reader = c_calloc(1, sizeof(Reader));
	if (!reader)
		xsRangeError("no memory for a reader");
	telemetryRingSettle(&emitter->ring);
	telemetryReaderStart(&reader->reader, &emitter->ring, emitter->bootId, emitter->readersMade++);
	reader->emitter = emitter;
	while (*link)
		link = &(*link)->next;
	*link = &reader->reader;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->ring.kept)
		telemetryKeepMade(&emitter->kept, &reader->reader, 1);
#endif
	protect(emitter);
	emitter->holders++;
	xsmcSetHostData(xsThis, reader);
	fxSetHostHooks(the, &xsThis, &readerHooks);
}

void xs_telemetry_reader_close(xsMachine* the)
{
	Reader* reader = readerOf(the);
	TelemetryEmitter* emitter = reader->emitter;
	TelemetryReader** link = &emitter->readers;
	if (reader->isClosed)
		return;
	reader->isClosed = 1;
	while (*link != &reader->reader)
		link = &(*link)->next;
	*link = reader->reader.next;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->ring.kept)
		telemetryKeepMade(&emitter->kept, &reader->reader, 0);
#endif
	telemetryRingSettle(&emitter->ring);
	protect(emitter);
}

/** Makes the next packets repeat all tokens. Repeated again and again, they would keep the records from ever being sent. */
void xs_telemetry_reader_repeat_tokens(xsMachine* the)
{
	TelemetryReader* reader = &readerOf(the)->reader;
	if (reader->tokensSent == 0 || reader->repeatedAt == reader->dataPackets + 1)
		return;
	reader->repeatedAt = reader->dataPackets + 1;
	reader->tokensSent = 0;
}

void xs_telemetry_reader_count(xsMachine* the)
{
	Reader* reader = readerOf(the);
	telemetryCount(the, reader->emitter, &reader->reader);
}

#ifdef MODDEF_TELEMETRY_RETAINED
/* The least that any other open reader has left to read of earlier boots. */
static uint32_t othersAt(TelemetryEmitter* emitter, Reader* reader)
{
	uint32_t least = UINT32_MAX;
	for (TelemetryReader* each = emitter->readers; each; each = each->next) {
		if (each != &reader->reader && ((Reader*)each)->past.at < least)
			least = ((Reader*)each)->past.at;
	}
	return least;
}
#endif

/** fill(buffer): next() with a Uint8Array that has room for the smallest packet. */
void xs_telemetry_reader_fill(xsMachine* the)
{
	Reader* reader = readerOf(the);
	TelemetryEmitter* emitter = reader->emitter;
	TelemetryRing* ring = &emitter->ring;
	void* to;
	xsUnsignedValue size;
	uint32_t bytes = 0;
	telemetryNeed(the, 1);
	if (!reader->isClosed)
		telemetryRingTick(ring, telemetryReadClock(the, emitter));
	/* After the clock: it may belong to a script, and may have moved or detached the buffer, or closed this reader. */
	xsmcGetBufferWritable(xsArg(0), &to, &size);
	if (size < MIN_PACKET_BUFFER_BYTES)
		telemetryRefuse(the);
	if (size > MAX_PACKET_BYTES)
		size = MAX_PACKET_BYTES;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (!reader->isClosed && ring->kept) {
		bytes = telemetryKeptFill(&emitter->kept, ring, &reader->reader, &reader->past, othersAt(emitter, reader), to, size);
		protect(emitter);
	}
	else
#endif
	if (!reader->isClosed) {
		telemetryReaderCatchUp(&reader->reader, ring);
		if (reader->reader.position != ring->head) {
			if (reader->reader.tokensSent < emitter->tokens.count)
				bytes = telemetryNamesPacket(&reader->reader, ring, &emitter->tokens, to, size);
			else {
				bytes = telemetryDataPacket(&reader->reader, ring, to, size);
				protect(emitter);
			}
		}
	}
	xsmcSetInteger(xsResult, (xsIntegerValue)bytes);
}
