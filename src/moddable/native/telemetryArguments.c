/* How natives treat what a script passes. */
#include "telemetryArguments.h"

void telemetryRefuse(xsMachine* the)
{
	xsRangeError("arguments");
}


void telemetryNeed(xsMachine* the, xsIntegerValue count)
{
	if (xsmcArgc < count)
		telemetryRefuse(the);
}

xsSlot* telemetryArgument(xsMachine* the, xsIntegerValue index)
{
	return xsmcArgc > index ? &xsArg(index) : NULL;
}

int32_t telemetryWhole(xsMachine* the, xsSlot* slot, int32_t most)
{
	xsType type = xsmcTypeOf(*slot);
	int32_t value = -1;
	if (type == xsIntegerType)
		value = xsmcToInteger(*slot);
	else if (type == xsNumberType) {
		double number = xsmcToNumber(*slot); /* first, because the other one converts the argument itself */
		value = xsmcToInteger(*slot);
		if (value != number)
			value = -1;
	}
	return value <= most ? value : -1;
}

uint64_t telemetryAmount(xsMachine* the, xsSlot* slot, double most, uint64_t* counter, uint32_t wrong)
{
	xsType type = slot ? xsmcTypeOf(*slot) : xsUndefinedType;
	double number = type == xsIntegerType || type == xsNumberType ? xsmcToNumber(*slot) : -1;
	uint64_t amount = number > 0 ? (uint64_t)(number < most ? number : most) : 0;
	if (number != (double)amount)
		*counter += wrong;
	return amount;
}

void telemetryCall(xsMachine* the, xsSlot* function, xsSlot* self, const xsSlot* arguments, xsIntegerValue count)
{
	/* The contents of the macro xsCallFunction1 and its like. */
	xsOverflow(-XS_FRAME_COUNT - count);
	telemetryCopySlot(--the->stack, self);
	fxReference(the, &the->scratch, function);
	telemetryCopySlot(--the->stack, &the->scratch);
	fxCall(the);
	for (const xsSlot* end = arguments - count; arguments != end; arguments--)
		telemetryCopySlot(--the->stack, arguments);
	fxRunCount(the, count);
	telemetryCopySlot(&xsResult, the->stack++);
}
