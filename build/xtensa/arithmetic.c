/*
 * Debian's libgcc for the LX106 leaves out what an ESP8266 has in ROM: division of integers, 64-bit products, and the arithmetic of
 * doubles. This file has it, rounded as in IEEE 754: to nearest, ties to even. The names are those that the compiler calls.
 */
#include <stdint.h>

/* INTEGERS */

typedef struct { uint32_t quotient, remainder; } Division;

/* Division by zero gives the same as on a RISC-V: all bits set, and the dividend. */
static Division divide(uint32_t dividend, uint32_t divisor)
{
	Division result = { 0, dividend };
	int shift;
	if (!divisor)
		return (Division){ UINT32_MAX, dividend };
	if (divisor > dividend)
		return result;
	shift = __builtin_clz(divisor) - __builtin_clz(dividend);
	for (divisor <<= shift; shift >= 0; shift--, divisor >>= 1) {
		result.quotient <<= 1;
		if (result.remainder >= divisor) {
			result.remainder -= divisor;
			result.quotient++;
		}
	}
	return result;
}

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor)
{
	return divide(dividend, divisor).quotient;
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor)
{
	return divide(dividend, divisor).remainder;
}

static uint32_t magnitude(int32_t value)
{
	return value < 0 ? -(uint32_t)value : (uint32_t)value;
}

int32_t __divsi3(int32_t dividend, int32_t divisor)
{
	uint32_t quotient = divide(magnitude(dividend), magnitude(divisor)).quotient;
	return (int32_t)((dividend ^ divisor) < 0 ? -quotient : quotient);
}

/* The product of two words, from those of their halves. */
uint64_t __umulsidi3(uint32_t left, uint32_t right)
{
	uint32_t low = (left & 0xFFFF) * (right & 0xFFFF);
	uint32_t middle = (left >> 16) * (right & 0xFFFF) + (low >> 16);
	uint32_t other = (left & 0xFFFF) * (right >> 16) + (middle & 0xFFFF);
	uint32_t high = (left >> 16) * (right >> 16) + (middle >> 16) + (other >> 16);
	return (uint64_t)high << 32 | other << 16 | (low & 0xFFFF);
}

int64_t __muldi3(int64_t left, int64_t right)
{
	uint32_t crossed = (uint32_t)(left >> 32) * (uint32_t)right + (uint32_t)left * (uint32_t)(right >> 32);
	return (int64_t)(__umulsidi3((uint32_t)left, (uint32_t)right) + ((uint64_t)crossed << 32));
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t* remainder); /* of libgcc, made of the above */

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
	return __udivmoddi4(dividend, divisor, 0);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
	uint64_t remainder;
	__udivmoddi4(dividend, divisor, &remainder);
	return remainder;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
	uint64_t quotient = __udivdi3(dividend < 0 ? -(uint64_t)dividend : (uint64_t)dividend,
		divisor < 0 ? -(uint64_t)divisor : (uint64_t)divisor);
	return (int64_t)((dividend ^ divisor) < 0 ? -quotient : quotient);
}

/* DOUBLES */

typedef union { double value; uint64_t bits; } Double;
typedef union { float value; uint32_t bits; } Float;

/* A finite number other than 0: its first bit is bit 62 of `digits`; the last ten are for rounding. */
typedef struct { int exponent; uint64_t digits; } Parts;

enum { maximumExponent = 0x7FF, bias = 1023, extraBits = 10 };
static const uint64_t signBit = 1ull << 63;
static const uint64_t infinity = 0x7FFull << 52;
static const uint64_t notANumber = 0xFFFull << 51;

static double ofBits(uint64_t bits)
{
	return (Double){ .bits = bits }.value;
}

static uint64_t bitsOf(double value)
{
	return (Double){ .value = value }.bits;
}

static int exponentOf(uint64_t bits)
{
	return (int)(bits >> 52) & maximumExponent;
}

/* Shifts right; the last bit keeps whether anything was lost. */
static uint64_t shifted(uint64_t digits, int by)
{
	if (by > 63)
		return digits != 0;
	return by == 0 ? digits : digits >> by | (digits << (64 - by) != 0);
}

static Parts normal(int exponent, uint64_t digits)
{
	int by = __builtin_clzll(digits) - 1;
	return by < 0 ? (Parts){ exponent + 1, shifted(digits, 1) } : (Parts){ exponent - by, digits << by };
}

static Parts partsOf(uint64_t bits)
{
	int exponent = exponentOf(bits);
	uint64_t digits = (bits & ((1ull << 52) - 1)) << extraBits;
	return exponent ? (Parts){ exponent, digits | 1ull << 62 } : normal(1, digits);
}

static double rounded(uint64_t sign, Parts parts)
{
	const uint64_t half = 1 << (extraBits - 1), extra = (1 << extraBits) - 1;
	uint64_t lost;
	int exponent = parts.exponent - 1; /* the first bit adds to it */
	if (parts.exponent <= 0) {
		parts.digits = shifted(parts.digits, 1 - parts.exponent);
		exponent = 0;
	}
	if (exponent >= maximumExponent)
		return ofBits(sign | infinity);
	lost = parts.digits & extra;
	parts.digits = (parts.digits + half) >> extraBits;
	if (lost == half)
		parts.digits &= ~1ull;
	/* Rounded up to the next exponent, or to infinity, the bits are right as they are. */
	parts.digits += (uint64_t)exponent << 52;
	return ofBits(sign | (parts.digits > infinity ? infinity : parts.digits));
}

/* The result if one operand is 0, infinite or NaN, for everything except sums. */
static int isSpecial(uint64_t left, uint64_t right)
{
	return !(left << 1) || !(right << 1) || exponentOf(left) == maximumExponent || exponentOf(right) == maximumExponent;
}

static int isNaN(uint64_t bits)
{
	return bits << 1 > infinity << 1;
}

double __adddf3(double leftValue, double rightValue)
{
	uint64_t left = bitsOf(leftValue), right = bitsOf(rightValue);
	uint64_t sign, digits;
	Parts larger, smaller;
	if (left << 1 < right << 1) {
		uint64_t other = left;
		left = right;
		right = other;
	}
	sign = left & signBit;
	if (exponentOf(left) == maximumExponent)
		return ofBits(isNaN(left) || (left ^ right) == signBit ? notANumber : left);
	if (!(right << 1))
		return ofBits(left << 1 ? left : left & right);
	larger = partsOf(left);
	smaller = partsOf(right);
	digits = shifted(smaller.digits, larger.exponent - smaller.exponent);
	digits = (left ^ right) & signBit ? larger.digits - digits : larger.digits + digits;
	return digits ? rounded(sign, normal(larger.exponent, digits)) : 0;
}

double __subdf3(double left, double right)
{
	return __adddf3(left, ofBits(bitsOf(right) ^ signBit));
}

double __muldf3(double leftValue, double rightValue)
{
	uint64_t left = bitsOf(leftValue), right = bitsOf(rightValue);
	uint64_t sign = (left ^ right) & signBit;
	uint64_t low, middle, other, high;
	Parts a, b;
	if (isSpecial(left, right)) {
		if (isNaN(left) || isNaN(right))
			return ofBits(notANumber);
		if (exponentOf(left) == maximumExponent || exponentOf(right) == maximumExponent)
			return ofBits(left << 1 && right << 1 ? sign | infinity : notANumber);
		return ofBits(sign);
	}
	a = partsOf(left);
	b = partsOf(right);
	b.digits <<= 1; /* so that the upper 64 bits of the product are digits again */
	low = __umulsidi3((uint32_t)a.digits, (uint32_t)b.digits);
	middle = __umulsidi3((uint32_t)(a.digits >> 32), (uint32_t)b.digits) + (low >> 32);
	other = __umulsidi3((uint32_t)a.digits, (uint32_t)(b.digits >> 32)) + (uint32_t)middle;
	high = __umulsidi3((uint32_t)(a.digits >> 32), (uint32_t)(b.digits >> 32)) + (middle >> 32) + (other >> 32);
	return rounded(sign, normal(a.exponent + b.exponent - bias + 1, high | ((uint32_t)low | (uint32_t)other) != 0));
}

double __divdf3(double leftValue, double rightValue)
{
	uint64_t left = bitsOf(leftValue), right = bitsOf(rightValue);
	uint64_t sign = (left ^ right) & signBit;
	uint64_t quotient = 0;
	Parts a, b;
	if (isSpecial(left, right)) {
		int isInfinite = exponentOf(left) == maximumExponent;
		if (isNaN(left) || isNaN(right) || (left << 1 == right << 1))
			return ofBits(notANumber);
		return ofBits(isInfinite || !(right << 1) ? sign | infinity : sign);
	}
	a = partsOf(left);
	b = partsOf(right);
	for (int bit = 0; bit < 63; bit++) {
		quotient <<= 1;
		if (a.digits >= b.digits) {
			a.digits -= b.digits;
			quotient |= 1;
		}
		a.digits <<= 1;
	}
	return rounded(sign, normal(a.exponent - b.exponent + bias, quotient | (a.digits != 0)));
}

double __floatunsidf(uint32_t value)
{
	return value ? rounded(0, normal(bias + 62, value)) : 0;
}

double __floatsidf(int32_t value)
{
	double result = __floatunsidf(magnitude(value));
	return value < 0 ? ofBits(bitsOf(result) | signBit) : result;
}

/* Without the fraction; `most` if it is more than that. */
static uint32_t whole(uint64_t bits, uint32_t most)
{
	int exponent = exponentOf(bits) - bias;
	uint64_t value;
	if (exponent < 0)
		return 0;
	if (exponent > 31)
		return most;
	value = (bits & ((1ull << 52) - 1) | 1ull << 52) >> (52 - exponent);
	return value > most ? most : (uint32_t)value;
}

uint32_t __fixunsdfsi(double value)
{
	uint64_t bits = bitsOf(value);
	return bits & signBit ? 0 : whole(bits, UINT32_MAX);
}

int32_t __fixdfsi(double value)
{
	uint64_t bits = bitsOf(value);
	return (int32_t)(bits & signBit ? -whole(bits, 1u << 31) : whole(bits, INT32_MAX));
}

/* FLOATS: they are only stored and loaded. */

double __extendsfdf2(float value)
{
	uint32_t bits = (Float){ .value = value }.bits;
	uint64_t sign = (uint64_t)(bits >> 31) << 63;
	int exponent = (int)(bits >> 23) & 0xFF;
	uint64_t digits = (uint64_t)(bits & 0x7FFFFF) << 29;
	if (exponent == 0xFF)
		return ofBits(digits ? notANumber : sign | infinity);
	if (exponent)
		return ofBits(sign | ((uint64_t)(exponent - 127 + bias) << 52 | digits));
	return digits ? rounded(sign, normal(1 - 127 + bias, digits << extraBits)) : ofBits(sign);
}

float __truncdfsf2(double value)
{
	uint64_t bits = bitsOf(value);
	uint32_t sign = (uint32_t)(bits >> 63) << 31;
	int exponent = exponentOf(bits) - bias + 127;
	uint32_t digits;
	if (isNaN(bits))
		return (Float){ .bits = 0x7FC00000 }.value;
	if (exponent >= 0xFF)
		return (Float){ .bits = sign | 0x7F800000 }.value;
	/* The 24 digits of a float, the half that is rounded, and whether there was more. */
	digits = (uint32_t)shifted(bits & ((1ull << 52) - 1) | (uint64_t)(exponentOf(bits) != 0) << 52, 27);
	if (exponent <= 0) {
		digits = (uint32_t)shifted(digits, 1 - exponent);
		exponent = 1;
	}
	digits = (digits + 1 + (digits >> 2 & 1)) >> 2;
	return (Float){ .bits = sign | (((uint32_t)exponent - 1) << 23) + digits }.value;
}
