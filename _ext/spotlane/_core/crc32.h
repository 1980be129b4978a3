/* CRC-32 (the polynomial of zlib and Ethernet): sixteen bytes at a time where the processor multiplies without carries,
   else eight.

   zlib has it too, but its headers are not everywhere where a compiler is. Readers of a journal can use zlib's. */
#ifndef SPOTLANE_CRC32_H
#define SPOTLANE_CRC32_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define CRC32_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

/* Filled once, when the module is imported. */
static uint32_t crc32_tables[8][256];
static int crc32_folds;

static inline void crc32_prepare(void) {
    uint32_t byte, rest;
    int bit, table;
    for (byte = 0; byte < 256; byte++) {
        rest = byte;
        for (bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ UINT32_C(0xEDB88320) : rest >> 1;
        crc32_tables[0][byte] = rest;
    }
    for (byte = 0; byte < 256; byte++)
        for (table = 1; table < 8; table++) {
            rest = crc32_tables[table - 1][byte];
            crc32_tables[table][byte] = rest >> 8 ^ crc32_tables[0][rest & 255];
        }
#ifdef CRC32_X86
    {
        unsigned a, b, c, d;
        crc32_folds = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL);
    }
#endif
}

static inline uint32_t crc32_word(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint32_t crc32_on(uint32_t crc, const uint8_t *data, size_t length) {
    uint32_t (*table)[256] = crc32_tables;
    uint32_t low, high;
    while (length >= 8) {
        low = crc32_word(data) ^ crc;
        high = crc32_word(data + 4);
        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
              table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^ table[0][high >> 24];
        data += 8;
        length -= 8;
    }
    while (length--)
        crc = crc >> 8 ^ table[0][(crc ^ *data++) & 255];
    return crc;
}

#ifdef CRC32_X86
/* Replaces the first sixteen bytes and the next sixteen by sixteen of the same remainder, until less than that is left:
   what stands 128 bits further ahead weighs x^128 more. The factors are x^(128+32) and x^(128-32) modulo the
   polynomial, reflected, for the earlier and the later half. */
__attribute__((target("sse2,pclmul"))) static uint32_t crc32_folded(const uint8_t *data, size_t length) {
    const __m128i factors = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i sum = _mm_xor_si128(_mm_loadu_si128((const __m128i *)data), _mm_cvtsi32_si128(-1));
    uint8_t rest[16];
    for (data += 16, length -= 16; length >= 16; data += 16, length -= 16)
        sum = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(sum, factors, 0x00),
                                          _mm_clmulepi64_si128(sum, factors, 0x11)),
                            _mm_loadu_si128((const __m128i *)data));
    _mm_storeu_si128((__m128i *)rest, sum);
    return ~crc32_on(crc32_on(0, rest, 16), data, length);
}
#endif

static inline uint32_t crc32_of(const uint8_t *data, size_t length) {
#ifdef CRC32_X86
    if (crc32_folds && length >= 32)
        return crc32_folded(data, length);
#endif
    return ~crc32_on(UINT32_C(0xFFFFFFFF), data, length);
}

#endif
