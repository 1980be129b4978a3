/* SHA-256 and SHA-512 (FIPS 180-4) on the instructions that the running processor has.

   A kernel compresses whole blocks into a chaining state; everything above it (padding, HMAC) is shared. Kernels are
   compiled with per-function targets and picked at run time, so one binary serves every processor of its architecture
   and the build needs no -march flag. docs/signing.md has the measurements behind the choice. */
#ifndef SPOTLANE_SHA2_H
#define SPOTLANE_SHA2_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__x86_64__)
#define SHA2_X86 1
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__GNUC__) && defined(__aarch64__) && !defined(__AARCH64EB__) &&                                         \
    (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_SHA2))
#define SHA2_ARM 1 /* Older clang declares these intrinsics only where the whole file is compiled for them. */
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

#if defined(__GNUC__)
#define SHA2_INLINE static inline __attribute__((always_inline))
#else
#define SHA2_INLINE static __inline
#endif

#define SHA2_MAX_BLOCK 128
#define SHA2_MAX_DIGEST 64

typedef union {
    uint32_t word32[8];
    uint64_t word64[8];
} sha2_state;

typedef struct {
    const char *name;
    int bits;
    int (*available)(void);
    void (*compress)(sha2_state *state, const uint8_t *data, size_t blocks);
} sha2_kernel;

/* FIPS 180-4 section 4.2.2. */
static const uint32_t sha2_k256[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u,
};

/* FIPS 180-4 section 4.2.3. */
static const uint64_t sha2_k512[80] = {
    0x428a2f98d728ae22u, 0x7137449123ef65cdu, 0xb5c0fbcfec4d3b2fu, 0xe9b5dba58189dbbcu, 0x3956c25bf348b538u,
    0x59f111f1b605d019u, 0x923f82a4af194f9bu, 0xab1c5ed5da6d8118u, 0xd807aa98a3030242u, 0x12835b0145706fbeu,
    0x243185be4ee4b28cu, 0x550c7dc3d5ffb4e2u, 0x72be5d74f27b896fu, 0x80deb1fe3b1696b1u, 0x9bdc06a725c71235u,
    0xc19bf174cf692694u, 0xe49b69c19ef14ad2u, 0xefbe4786384f25e3u, 0x0fc19dc68b8cd5b5u, 0x240ca1cc77ac9c65u,
    0x2de92c6f592b0275u, 0x4a7484aa6ea6e483u, 0x5cb0a9dcbd41fbd4u, 0x76f988da831153b5u, 0x983e5152ee66dfabu,
    0xa831c66d2db43210u, 0xb00327c898fb213fu, 0xbf597fc7beef0ee4u, 0xc6e00bf33da88fc2u, 0xd5a79147930aa725u,
    0x06ca6351e003826fu, 0x142929670a0e6e70u, 0x27b70a8546d22ffcu, 0x2e1b21385c26c926u, 0x4d2c6dfc5ac42aedu,
    0x53380d139d95b3dfu, 0x650a73548baf63deu, 0x766a0abb3c77b2a8u, 0x81c2c92e47edaee6u, 0x92722c851482353bu,
    0xa2bfe8a14cf10364u, 0xa81a664bbc423001u, 0xc24b8b70d0f89791u, 0xc76c51a30654be30u, 0xd192e819d6ef5218u,
    0xd69906245565a910u, 0xf40e35855771202au, 0x106aa07032bbd1b8u, 0x19a4c116b8d2d0c8u, 0x1e376c085141ab53u,
    0x2748774cdf8eeb99u, 0x34b0bcb5e19b48a8u, 0x391c0cb3c5c95a63u, 0x4ed8aa4ae3418acbu, 0x5b9cca4f7763e373u,
    0x682e6ff3d6b2b8a3u, 0x748f82ee5defb2fcu, 0x78a5636f43172f60u, 0x84c87814a1f0ab72u, 0x8cc702081a6439ecu,
    0x90befffa23631e28u, 0xa4506cebde82bde9u, 0xbef9a3f7b2c67915u, 0xc67178f2e372532bu, 0xca273eceea26619cu,
    0xd186b8c721c0c207u, 0xeada7dd6cde0eb1eu, 0xf57d4f7fee6ed178u, 0x06f067aa72176fbau, 0x0a637dc5a2c898a6u,
    0x113f9804bef90daeu, 0x1b710b35131c471bu, 0x28db77f523047d84u, 0x32caab7b40c72493u, 0x3c9ebe0a15c9bebcu,
    0x431d67c49c100d4cu, 0x4cc5d4becb3e42b6u, 0x597f299cfc657e2au, 0x5fcb6fab3ad6faecu, 0x6c44198c4a475817u,
};

/* FIPS 180-4 sections 5.3.3 and 5.3.5. */
static const uint32_t sha2_initial256[8] = {
    0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u,
};
static const uint64_t sha2_initial512[8] = {
    0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
    0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

SHA2_INLINE uint32_t sha2_load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

SHA2_INLINE uint64_t sha2_load64(const uint8_t *p)
{
    return (uint64_t)sha2_load32(p) << 32 | sha2_load32(p + 4);
}

SHA2_INLINE void sha2_store32(uint8_t *p, uint32_t word)
{
    p[0] = (uint8_t)(word >> 24);
    p[1] = (uint8_t)(word >> 16);
    p[2] = (uint8_t)(word >> 8);
    p[3] = (uint8_t)word;
}

SHA2_INLINE void sha2_store64(uint8_t *p, uint64_t word)
{
    sha2_store32(p, (uint32_t)(word >> 32));
    sha2_store32(p + 4, (uint32_t)word);
}

#define SHA2_ROTR(word, count) ((word) >> (count) | (word) << (8 * sizeof(word) - (count)))

/* Section 4.1: the rotation counts are what differs between the two widths. Maj is written with one term shared
   between neighbouring rounds: (a ^ b) of this round is (b ^ c) of the next. */
#define SHA2_ROUND(type, a, b, c, d, e, f, g, h, input, r1, r2, r3, s1, s2, s3)                                        \
    do {                                                                                                               \
        type first = h + (SHA2_ROTR(e, r1) ^ SHA2_ROTR(e, r2) ^ SHA2_ROTR(e, r3)) + (g ^ (e & (f ^ g))) + (input);     \
        type a_b = a ^ b;                                                                                              \
        d += first;                                                                                                    \
        h = first + (SHA2_ROTR(a, s1) ^ SHA2_ROTR(a, s2) ^ SHA2_ROTR(a, s3)) + (b ^ (a_b & b_c));                      \
        b_c = a_b;                                                                                                     \
    } while (0)

#define SHA2_EIGHT_ROUNDS(ROUND, input, i)                                                                             \
    do {                                                                                                               \
        ROUND(a, b, c, d, e, f, g, h, input((i) + 0));                                                                 \
        ROUND(h, a, b, c, d, e, f, g, input((i) + 1));                                                                 \
        ROUND(g, h, a, b, c, d, e, f, input((i) + 2));                                                                 \
        ROUND(f, g, h, a, b, c, d, e, input((i) + 3));                                                                 \
        ROUND(e, f, g, h, a, b, c, d, input((i) + 4));                                                                 \
        ROUND(d, e, f, g, h, a, b, c, input((i) + 5));                                                                 \
        ROUND(c, d, e, f, g, h, a, b, input((i) + 6));                                                                 \
        ROUND(b, c, d, e, f, g, h, a, input((i) + 7));                                                                 \
    } while (0)

#define SHA2_ROUND256(a, b, c, d, e, f, g, h, input)                                                                   \
    SHA2_ROUND(uint32_t, a, b, c, d, e, f, g, h, input, 6, 11, 25, 2, 13, 22)
#define SHA2_ROUND512(a, b, c, d, e, f, g, h, input)                                                                   \
    SHA2_ROUND(uint64_t, a, b, c, d, e, f, g, h, input, 14, 18, 41, 28, 34, 39)

/* Sixteen words of the schedule are alive at a time (section 6.1.3). */
#define SHA2_FRESH256(i) (w[(i) & 15] = sha2_load32(data + 4 * (i))) + sha2_k256[t + (i)]
#define SHA2_FRESH512(i) (w[(i) & 15] = sha2_load64(data + 8 * (i))) + sha2_k512[t + (i)]
#define SHA2_SIGMA(word, r1, r2, shift) (SHA2_ROTR(word, r1) ^ SHA2_ROTR(word, r2) ^ ((word) >> (shift)))
#define SHA2_NEXT256(i)                                                                                                \
    (w[(i) & 15] += SHA2_SIGMA(w[((i) + 1) & 15], 7, 18, 3) + w[((i) + 9) & 15] +                                      \
                    SHA2_SIGMA(w[((i) + 14) & 15], 17, 19, 10)) + sha2_k256[t + (i)]
#define SHA2_NEXT512(i)                                                                                                \
    (w[(i) & 15] += SHA2_SIGMA(w[((i) + 1) & 15], 1, 8, 7) + w[((i) + 9) & 15] +                                       \
                    SHA2_SIGMA(w[((i) + 14) & 15], 19, 61, 6)) + sha2_k512[t + (i)]

#define SHA2_COMPRESS_BODY(type, word, bits, rounds, block)                                                            \
    type *state_words = state->word;                                                                                   \
    for (; blocks; blocks--, data += (block)) {                                                                        \
        type a = state_words[0], b = state_words[1], c = state_words[2], d = state_words[3];                           \
        type e = state_words[4], f = state_words[5], g = state_words[6], h = state_words[7];                           \
        type b_c = b ^ c, w[16];                                                                                       \
        int t = 0;                                                                                                     \
        SHA2_EIGHT_ROUNDS(SHA2_ROUND##bits, SHA2_FRESH##bits, 0);                                                      \
        SHA2_EIGHT_ROUNDS(SHA2_ROUND##bits, SHA2_FRESH##bits, 8);                                                      \
        for (t = 16; t < (rounds); t += 16) {                                                                          \
            SHA2_EIGHT_ROUNDS(SHA2_ROUND##bits, SHA2_NEXT##bits, 0);                                                   \
            SHA2_EIGHT_ROUNDS(SHA2_ROUND##bits, SHA2_NEXT##bits, 8);                                                   \
        }                                                                                                              \
        state_words[0] += a;                                                                                           \
        state_words[1] += b;                                                                                           \
        state_words[2] += c;                                                                                           \
        state_words[3] += d;                                                                                           \
        state_words[4] += e;                                                                                           \
        state_words[5] += f;                                                                                           \
        state_words[6] += g;                                                                                           \
        state_words[7] += h;                                                                                           \
    }

static int sha2_always(void)
{
    return 1;
}

static void sha2_compress256_portable(sha2_state *state, const uint8_t *data, size_t blocks)
{
    SHA2_COMPRESS_BODY(uint32_t, word32, 256, 64, 64)
}

static void sha2_compress512_portable(sha2_state *state, const uint8_t *data, size_t blocks)
{
    SHA2_COMPRESS_BODY(uint64_t, word64, 512, 80, 128)
}

#ifdef SHA2_X86
static int sha2_has_bmi2(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_BMI2);
}

/* The same source: BMI2 rotates without overwriting its operand, and a round has six rotations. */
__attribute__((target("bmi2"))) static void sha2_compress256_bmi2(sha2_state *state, const uint8_t *data,
                                                                    size_t blocks)
{
    SHA2_COMPRESS_BODY(uint32_t, word32, 256, 64, 64)
}

__attribute__((target("bmi2"))) static void sha2_compress512_bmi2(sha2_state *state, const uint8_t *data,
                                                                    size_t blocks)
{
    SHA2_COMPRESS_BODY(uint64_t, word64, 512, 80, 128)
}

/* The rounds stay scalar and wait for each other; the schedule, two words to a vector and sixteen rounds ahead, runs in
   the vector units beside them. Interleaved by hand: computed as one piece beforehand it is slower than scalar code. */
#define SHA2_NEXT_TWO512(j)                                                                                            \
    do {                                                                                                               \
        const __m128i w1 = _mm_alignr_epi8(w[((j) + 1) & 7], w[j], 8), w14 = w[((j) + 7) & 7];                         \
        const __m128i w9 = _mm_alignr_epi8(w[((j) + 5) & 7], w[((j) + 4) & 7], 8);                                     \
        const __m128i low = SHA2_XOR3(SHA2_ROTR128(w1, 1), SHA2_ROTR128(w1, 8), _mm_srli_epi64(w1, 7));                \
        const __m128i high = SHA2_XOR3(SHA2_ROTR128(w14, 19), SHA2_ROTR128(w14, 61), _mm_srli_epi64(w14, 6));          \
        w[j] = _mm_add_epi64(_mm_add_epi64(w[j], low), _mm_add_epi64(w9, high));                                       \
        _mm_storeu_si128(sums + (j), _mm_add_epi64(w[j], _mm_loadu_si128(k + 8 + (j))));                               \
    } while (0)
#define SHA2_READY512(i) sum[i]
#define SHA2_FOUR_ROUNDS512(a, b, c, d, e, f, g, h, i)                                                                 \
    do {                                                                                                               \
        SHA2_ROUND512(a, b, c, d, e, f, g, h, sum[i]);                                                                 \
        SHA2_ROUND512(h, a, b, c, d, e, f, g, sum[(i) + 1]);                                                           \
        SHA2_NEXT_TWO512((i) / 2);                                                                                     \
        SHA2_ROUND512(g, h, a, b, c, d, e, f, sum[(i) + 2]);                                                           \
        SHA2_ROUND512(f, g, h, a, b, c, d, e, sum[(i) + 3]);                                                           \
        SHA2_NEXT_TWO512((i) / 2 + 1);                                                                                 \
    } while (0)
#define SHA2_COMPRESS512_VECTOR_BODY                                                                                   \
    const __m128i swap = _mm_set_epi64x(0x08090a0b0c0d0e0fll, 0x0001020304050607ll);                                   \
    uint64_t *words = state->word64;                                                                                   \
    for (; blocks; blocks--, data += 128) {                                                                            \
        uint64_t a = words[0], b = words[1], c = words[2], d = words[3];                                               \
        uint64_t e = words[4], f = words[5], g = words[6], h = words[7];                                               \
        uint64_t b_c = b ^ c, sum[16];                                                                                 \
        const __m128i *k = (const __m128i *)sha2_k512;                                                                 \
        __m128i w[8], *sums = (__m128i *)sum;                                                                          \
        for (int j = 0; j < 8; j++) {                                                                                  \
            w[j] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + j), swap);                                 \
            _mm_storeu_si128(sums + j, _mm_add_epi64(w[j], _mm_loadu_si128(k + j)));                                   \
        }                                                                                                              \
        for (int t = 16; t < 80; t += 16, k += 8) {                                                                    \
            SHA2_FOUR_ROUNDS512(a, b, c, d, e, f, g, h, 0);                                                            \
            SHA2_FOUR_ROUNDS512(e, f, g, h, a, b, c, d, 4);                                                            \
            SHA2_FOUR_ROUNDS512(a, b, c, d, e, f, g, h, 8);                                                            \
            SHA2_FOUR_ROUNDS512(e, f, g, h, a, b, c, d, 12);                                                           \
        }                                                                                                              \
        SHA2_EIGHT_ROUNDS(SHA2_ROUND512, SHA2_READY512, 0);                                                            \
        SHA2_EIGHT_ROUNDS(SHA2_ROUND512, SHA2_READY512, 8);                                                            \
        words[0] += a;                                                                                                 \
        words[1] += b;                                                                                                 \
        words[2] += c;                                                                                                 \
        words[3] += d;                                                                                                 \
        words[4] += e;                                                                                                 \
        words[5] += f;                                                                                                 \
        words[6] += g;                                                                                                 \
        words[7] += h;                                                                                                 \
    }

/* Asked of the compiler's runtime, which also knows whether the operating system keeps these registers. */
static int sha2_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

static int sha2_has_avx512vl(void)
{
    return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}

#define SHA2_ROTR128(word, count)                                                                                      \
    _mm_or_si128(_mm_srli_epi64(word, count), _mm_slli_epi64(word, 64 - (count)))
#define SHA2_XOR3(x, y, z) _mm_xor_si128(_mm_xor_si128(x, y), z)
__attribute__((target("bmi2,avx2"))) static void sha2_compress512_avx2(sha2_state *state, const uint8_t *data,
                                                                         size_t blocks)
{
    SHA2_COMPRESS512_VECTOR_BODY
}
#undef SHA2_ROTR128
#undef SHA2_XOR3

/* A rotation is one instruction and an exclusive or of three is one. */
#define SHA2_ROTR128(word, count) _mm_ror_epi64(word, count)
#define SHA2_XOR3(x, y, z) _mm_ternarylogic_epi64(x, y, z, 0x96)
__attribute__((target("bmi2,avx512f,avx512vl"))) static void sha2_compress512_avx512vl(sha2_state *state,
                                                                                         const uint8_t *data,
                                                                                         size_t blocks)
{
    SHA2_COMPRESS512_VECTOR_BODY
}
#undef SHA2_ROTR128
#undef SHA2_XOR3

/* SSSE3 and SSE4.1 come with leaf 1; SHA itself is bit 29 of leaf 7's EBX. */
static int sha2_has_sha_ni(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

/* sha256rnds2 does two rounds on the state split as (a,b,e,f) and (c,d,g,h), high lane first; sha256msg1 and
   sha256msg2 do the two sigma halves of four schedule words (Intel SDM volume 2). */
__attribute__((target("sha,sse4.1,ssse3"))) static void sha2_compress256_sha_ni(sha2_state *state, const uint8_t *data,
                                                                                  size_t blocks)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i *words = (__m128i *)state->word32;
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
    for (; blocks; blocks--, data += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4], sum;
#define SHA2_FOUR_ROUNDS(i)                                                                                            \
    do {                                                                                                               \
        sum = _mm_add_epi32(w[(i) & 3], _mm_loadu_si128((const __m128i *)sha2_k256 + (i)));                            \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                                                                 \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));                                        \
    } while (0)
#define SHA2_LOAD_FOUR(i)                                                                                              \
    do {                                                                                                               \
        w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + (i)), swap);                                   \
        SHA2_FOUR_ROUNDS(i);                                                                                           \
    } while (0)
#define SHA2_NEXT_FOUR(i)                                                                                              \
    do {                                                                                                               \
        __m128i minus7 = _mm_alignr_epi8(w[((i) + 3) & 3], w[((i) + 2) & 3], 4);                                       \
        w[(i) & 3] = _mm_add_epi32(_mm_sha256msg1_epu32(w[(i) & 3], w[((i) + 1) & 3]), minus7);                        \
        w[(i) & 3] = _mm_sha256msg2_epu32(w[(i) & 3], w[((i) + 3) & 3]);                                               \
        SHA2_FOUR_ROUNDS(i);                                                                                           \
    } while (0)
        SHA2_LOAD_FOUR(0); SHA2_LOAD_FOUR(1); SHA2_LOAD_FOUR(2); SHA2_LOAD_FOUR(3);
        SHA2_NEXT_FOUR(4); SHA2_NEXT_FOUR(5); SHA2_NEXT_FOUR(6); SHA2_NEXT_FOUR(7);
        SHA2_NEXT_FOUR(8); SHA2_NEXT_FOUR(9); SHA2_NEXT_FOUR(10); SHA2_NEXT_FOUR(11);
        SHA2_NEXT_FOUR(12); SHA2_NEXT_FOUR(13); SHA2_NEXT_FOUR(14); SHA2_NEXT_FOUR(15);
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}
#endif

#ifdef SHA2_ARM
static int sha2_has_arm_sha2(void)
{
#if defined(__ARM_FEATURE_SHA2) || defined(__APPLE__)
    return 1;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) >> 6) & 1; /* HWCAP_SHA2 */
#else
    return 0;
#endif
}

/* sha256h and sha256h2 each do one half of four rounds; sha256su0 and sha256su1 make four schedule words. */
#if defined(__clang__)
__attribute__((target("sha2")))
#else
__attribute__((target("+crypto")))
#endif
static void sha2_compress256_arm(sha2_state *state, const uint8_t *data, size_t blocks)
{
    uint32x4_t abcd = vld1q_u32(state->word32), efgh = vld1q_u32(state->word32 + 4);
    for (; blocks; blocks--, data += 64) {
        const uint32x4_t abcd_before = abcd, efgh_before = efgh;
        uint32x4_t w[4];
        for (int i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data + 16 * i)));
        for (int i = 0; i < 16; i++) {
            uint32x4_t sum = vaddq_u32(w[i & 3], vld1q_u32(sha2_k256 + 4 * i)), abcd_last = abcd;
            if (i < 12)
                w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]), w[(i + 2) & 3], w[(i + 3) & 3]);
            abcd = vsha256hq_u32(abcd, efgh, sum);
            efgh = vsha256h2q_u32(efgh, abcd_last, sum);
        }
        abcd = vaddq_u32(abcd, abcd_before);
        efgh = vaddq_u32(efgh, efgh_before);
    }
    vst1q_u32(state->word32, abcd);
    vst1q_u32(state->word32 + 4, efgh);
}
#endif

/* Fastest first; the last of each width runs everywhere. */
static const sha2_kernel sha2_kernels[] = {
#ifdef SHA2_X86
    {"sha-ni", 256, sha2_has_sha_ni, sha2_compress256_sha_ni},
    {"bmi2", 256, sha2_has_bmi2, sha2_compress256_bmi2},
    {"avx512vl", 512, sha2_has_avx512vl, sha2_compress512_avx512vl},
    {"avx2", 512, sha2_has_avx2, sha2_compress512_avx2},
    {"bmi2", 512, sha2_has_bmi2, sha2_compress512_bmi2},
#endif
#ifdef SHA2_ARM
    {"armv8-sha2", 256, sha2_has_arm_sha2, sha2_compress256_arm},
#endif
    {"portable", 256, sha2_always, sha2_compress256_portable},
    {"portable", 512, sha2_always, sha2_compress512_portable},
};
#define SHA2_KERNEL_COUNT (sizeof sha2_kernels / sizeof sha2_kernels[0])

/* Overwrite memory that nothing reads again; the barrier keeps the compiler from dropping the stores. */
SHA2_INLINE void sha2_wipe(void *memory, size_t length)
{
#if defined(__GNUC__)
    memset(memory, 0, length);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
#else
    volatile uint8_t *byte = memory;
    while (length--)
        *byte++ = 0;
#endif
}

static void sha2_start(const sha2_kernel *kernel, sha2_state *state)
{
    if (kernel->bits == 256)
        memcpy(state->word32, sha2_initial256, sizeof sha2_initial256);
    else
        memcpy(state->word64, sha2_initial512, sizeof sha2_initial512);
}

/* Take the last (or only) piece of a message, pad it (sections 5.1.1 and 5.1.2) and write the digest. before is the
   number of bytes compressed earlier, a multiple of the block. Lengths below 2^61 bytes are exact. */
static void sha2_finish(const sha2_kernel *kernel, sha2_state *state, const uint8_t *data, size_t length,
                        size_t before, uint8_t *digest)
{
    const size_t block = (size_t)kernel->bits / 4, word = block / 16;
    const size_t rest = length % block;
    const size_t padded = rest + 1 + 2 * word <= block ? block : 2 * block;
    uint8_t tail[2 * SHA2_MAX_BLOCK];
    if (length >= block)
        kernel->compress(state, data, length / block);
    if (rest)
        memcpy(tail, data + length - rest, rest);
    tail[rest] = 0x80;
    memset(tail + rest + 1, 0, padded - rest - 9);
    sha2_store64(tail + padded - 8, 8 * ((uint64_t)before + length));
    kernel->compress(state, tail, padded / block);
    sha2_wipe(tail, padded); /* The message is the key itself where a key is longer than a block. */
    for (int i = 0; i < (int)word; i++)
        sha2_store64(digest + 8 * i, word == 8 ? state->word64[i]
                                               : (uint64_t)state->word32[2 * i] << 32 | state->word32[2 * i + 1]);
}

/* Write length bytes, a multiple of eight, as lowercase hexadecimal. Eight at a time, as they were stored: a wider load
   would have to wait until the stores are done. */
static void sha2_hex(const uint8_t *bytes, int length, char *out)
{
    for (int i = 0; i < length; i += 8, out += 16) {
#ifdef SHA2_X86
        const __m128i low = _mm_set1_epi8(0x0f), word = _mm_loadl_epi64((const __m128i *)(bytes + i));
        const __m128i half = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(word, 4), low), _mm_and_si128(word, low));
        const __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(half, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
        _mm_storeu_si128((__m128i *)out, _mm_add_epi8(_mm_add_epi8(half, _mm_set1_epi8('0')), letter));
#else
        for (int j = 0; j < 8; j++) {
            out[2 * j] = "0123456789abcdef"[bytes[i + j] >> 4];
            out[2 * j + 1] = "0123456789abcdef"[bytes[i + j] & 15];
        }
#endif
    }
}

#endif
