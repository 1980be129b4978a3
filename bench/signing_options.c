/* Time the ways to sign one request, without Python: own kernels against the libcrypto given as the first argument.

   Prints one line "group<TAB>option<TAB>median ns" for each option. Options take turns, so that a slow moment of the
   machine hits all of them. ratios_signing.py compiles and runs it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../_ext/spotlane/_core/sha2.h"

#define ROUNDS 41
#define REPEATS 1000
#define MESSAGE 150

/* Public struct layouts and prototypes of OpenSSL 1.1 to 3.x (sha.h, evp.h, hmac.h), so that no header is needed. */
typedef struct {
    uint32_t h[8], low, high, data[16];
    unsigned num, md_len;
} openssl_sha256;
typedef struct {
    uint64_t h[8], low, high, data[16];
    unsigned num, md_len;
} openssl_sha512;

static struct {
    const void *(*sha256)(void), *(*sha512)(void);
    unsigned char *(*hmac)(const void *, const void *, int, const uint8_t *, size_t, uint8_t *, unsigned *);
    void *(*hmac_new)(void);
    int (*hmac_init)(void *, const void *, int, const void *, void *);
    int (*hmac_update)(void *, const uint8_t *, size_t);
    int (*hmac_final)(void *, uint8_t *, unsigned *);
    void *(*evp_new)(void);
    int (*evp_init)(void *, const void *, void *);
    int (*evp_update)(void *, const void *, size_t);
    int (*evp_final)(void *, uint8_t *, unsigned *);
    int (*evp_copy)(void *, const void *);
    int (*init256)(openssl_sha256 *), (*update256)(openssl_sha256 *, const void *, size_t);
    int (*final256)(uint8_t *, openssl_sha256 *);
    int (*init512)(openssl_sha512 *), (*update512)(openssl_sha512 *, const void *, size_t);
    int (*final512)(uint8_t *, openssl_sha512 *);
} openssl;

static uint8_t message[MESSAGE], key_block[2 * SHA2_MAX_BLOCK], digest[SHA2_MAX_DIGEST], reference[2][SHA2_MAX_DIGEST];

static int load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    int complete = library != NULL;
#define LOAD(member, symbol) complete = complete && (*(void **)&openssl.member = dlsym(library, symbol)) != NULL
    LOAD(sha256, "EVP_sha256");
    LOAD(sha512, "EVP_sha512");
    LOAD(hmac, "HMAC");
    LOAD(hmac_new, "HMAC_CTX_new");
    LOAD(hmac_init, "HMAC_Init_ex");
    LOAD(hmac_update, "HMAC_Update");
    LOAD(hmac_final, "HMAC_Final");
    LOAD(evp_new, "EVP_MD_CTX_new");
    LOAD(evp_init, "EVP_DigestInit_ex");
    LOAD(evp_update, "EVP_DigestUpdate");
    LOAD(evp_final, "EVP_DigestFinal_ex");
    LOAD(evp_copy, "EVP_MD_CTX_copy_ex");
    LOAD(init256, "SHA256_Init");
    LOAD(update256, "SHA256_Update");
    LOAD(final256, "SHA256_Final");
    LOAD(init512, "SHA512_Init");
    LOAD(update512, "SHA512_Update");
    LOAD(final512, "SHA512_Final");
    return complete;
}

/* A key of one block, already mixed: what every pre-keyed option absorbs once. */
static sha2_state inner[2], outer[2];
static void *hmac_context[2], *evp_inner[2], *evp_outer[2], *evp_work;
static openssl_sha256 low_inner256, low_outer256;
static openssl_sha512 low_inner512, low_outer512;
static const uint8_t key[32] = "0123456789abcdef0123456789abcdef";

static void mix(int block, uint8_t pad)
{
    memset(key_block, pad, (size_t)block);
    for (int i = 0; i < 32; i++)
        key_block[i] ^= key[i];
}

static void prepare(int wide, int has_openssl)
{
    const sha2_kernel *kernel = &sha2_kernels[SHA2_KERNEL_COUNT - 2 + (size_t)wide];
    const int block = wide ? 128 : 64;
    for (int side = 0; side < 2; side++) {
        sha2_state *state = side ? &outer[wide] : &inner[wide];
        mix(block, side ? 0x5c : 0x36);
        sha2_start(kernel, state);
        kernel->compress(state, key_block, 1);
        if (!has_openssl)
            continue;
        void *context = openssl.evp_new();
        openssl.evp_init(context, wide ? openssl.sha512() : openssl.sha256(), NULL);
        openssl.evp_update(context, key_block, (size_t)block);
        *(side ? &evp_outer[wide] : &evp_inner[wide]) = context;
        if (wide) {
            openssl_sha512 *low = side ? &low_outer512 : &low_inner512;
            openssl.init512(low);
            openssl.update512(low, key_block, 128);
        } else {
            openssl_sha256 *low = side ? &low_outer256 : &low_inner256;
            openssl.init256(low);
            openssl.update256(low, key_block, 64);
        }
    }
    if (has_openssl) {
        hmac_context[wide] = openssl.hmac_new();
        openssl.hmac_init(hmac_context[wide], key, 32, wide ? openssl.sha512() : openssl.sha256(), NULL);
    }
}

static void sign_own(const sha2_kernel *kernel)
{
    const int wide = kernel->bits == 512;
    sha2_state state = inner[wide];
    sha2_finish(kernel, &state, message, MESSAGE, wide ? 128 : 64, digest);
    state = outer[wide];
    sha2_finish(kernel, &state, digest, wide ? 64 : 32, wide ? 128 : 64, digest);
}

static void sign_one_shot(int wide)
{
    unsigned length;
    openssl.hmac(wide ? openssl.sha512() : openssl.sha256(), key, 32, message, MESSAGE, digest, &length);
}

static void sign_reused(int wide)
{
    unsigned length;
    openssl.hmac_init(hmac_context[wide], NULL, 0, NULL, NULL);
    openssl.hmac_update(hmac_context[wide], message, MESSAGE);
    openssl.hmac_final(hmac_context[wide], digest, &length);
}

static void sign_evp(int wide)
{
    openssl.evp_copy(evp_work, evp_inner[wide]);
    openssl.evp_update(evp_work, message, MESSAGE);
    openssl.evp_final(evp_work, digest, NULL);
    openssl.evp_copy(evp_work, evp_outer[wide]);
    openssl.evp_update(evp_work, digest, wide ? 64 : 32);
    openssl.evp_final(evp_work, digest, NULL);
}

static void sign_low(int wide)
{
    if (wide) {
        openssl_sha512 state = low_inner512;
        openssl.update512(&state, message, MESSAGE);
        openssl.final512(digest, &state);
        state = low_outer512;
        openssl.update512(&state, digest, 64);
        openssl.final512(digest, &state);
    } else {
        openssl_sha256 state = low_inner256;
        openssl.update256(&state, message, MESSAGE);
        openssl.final256(digest, &state);
        state = low_outer256;
        openssl.update256(&state, digest, 32);
        openssl.final256(digest, &state);
    }
}

typedef struct {
    const char *name;
    const sha2_kernel *kernel;
    void (*sign)(int wide);
    int wide;
    double samples[ROUNDS];
} option;

static option options[32];
static int option_count;

static void add(const char *name, const sha2_kernel *kernel, void (*sign)(int), int wide)
{
    options[option_count++] = (option){.name = name, .kernel = kernel, .sign = sign, .wide = wide};
}

static void run(const option *chosen)
{
    if (chosen->kernel)
        sign_own(chosen->kernel);
    else
        chosen->sign(chosen->wide);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int count, char **arguments)
{
    const int has_openssl = count > 1 && load(arguments[1]);
    for (int i = 0; i < MESSAGE; i++)
        message[i] = (uint8_t)("symbol=BTCUSDT&side=BUY&"[i % 24]);
    for (int wide = 0; wide < 2; wide++) {
        prepare(wide, has_openssl);
        for (size_t i = 0; i < SHA2_KERNEL_COUNT; i++)
            if (sha2_kernels[i].bits == (wide ? 512 : 256) && sha2_kernels[i].available())
                add(sha2_kernels[i].name, &sha2_kernels[i], NULL, wide);
        if (has_openssl) {
            add("libcrypto, low-level states copied", NULL, sign_low, wide);
            add("libcrypto, EVP states copied", NULL, sign_evp, wide);
            add("libcrypto, HMAC context reused", NULL, sign_reused, wide);
            add("libcrypto, HMAC() one-shot", NULL, sign_one_shot, wide);
        }
        sign_own(&sha2_kernels[SHA2_KERNEL_COUNT - 2 + (size_t)wide]);
        memcpy(reference[wide], digest, SHA2_MAX_DIGEST);
    }
    if (has_openssl)
        evp_work = openssl.evp_new();
    for (int i = 0; i < option_count; i++) {
        run(&options[i]);
        if (memcmp(digest, reference[options[i].wide], options[i].wide ? 64 : 32) != 0) {
            fprintf(stderr, "%s signs something else\n", options[i].name);
            return 1;
        }
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < option_count; i++) {
            const double start = now();
            for (int repeat = 0; repeat < REPEATS; repeat++)
                run(&options[i]);
            options[i].samples[round] = (now() - start) / REPEATS;
        }
    for (int i = 0; i < option_count; i++) {
        qsort(options[i].samples, ROUNDS, sizeof(double), ascending);
        printf("%s\t%s\t%.0f\n", options[i].wide ? "sha512" : "sha256", options[i].name, options[i].samples[ROUNDS / 2]);
    }
    return 0;
}
