/* An exponential that compilers make vectors of. */

#pragma once

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define LOG2E 0x1.715476p+0f

/* 2^x for x <= 0, exactly 0 from the smallest exponent down: 2^n by the exponent's bits, 2^f for f in [-1/2, 1/2] by a
   polynomial of least relative error (1e-7). */
INLINE float exp2_of(float x) {
    const float rounder = 12582912.f; /* 1.5 * 2^23: adding it rounds to an integer */
    x = x > -127.f ? x : -127.f;
    const float shifted = x + rounder, f = x - (shifted - rounder);
    float p = 0x1.404892p-13f;
    p = p * f + 0x1.5f8c34p-10f;
    p = p * f + 0x1.3b3022p-7f;
    p = p * f + 0x1.c6ae18p-5f;
    p = p * f + 0x1.ebfbd8p-3f;
    p = p * f + 0x1.62e432p-1f;
    p = p * f + 1.f;
    uint32_t exponent, bits;
    memcpy(&exponent, &shifted, sizeof exponent);
    memcpy(&bits, &p, sizeof bits);
    bits += exponent << 23;
    memcpy(&p, &bits, sizeof bits);
    return p;
}
