/* CRC-32 (the polynomial of zlib and Ethernet), eight bytes at a time.

   zlib has it too, but its headers are not everywhere where a compiler is. Readers of a journal can use zlib's. */
#ifndef SPOTLANE_CRC32_H
#define SPOTLANE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Filled once, when the module is imported. */
static uint32_t crc32_tables[8][256];

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
}

static inline uint32_t crc32_word(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint32_t crc32_of(const uint8_t *data, size_t length) {
    uint32_t (*table)[256] = crc32_tables;
    uint32_t crc = UINT32_C(0xFFFFFFFF), low, high;
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
    return ~crc;
}

#endif
