/* Memory for what must not be read by others: pages of its own between two that nobody may touch, kept out of swap, core
   dumps and forked children as far as the system can do that, and overwritten before it is given back. */

#ifndef SPOTLANE_VAULT_H
#define SPOTLANE_VAULT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifndef _WIN32
#include <sys/mman.h>
#include <unistd.h>
#if !defined(MAP_ANONYMOUS) && defined(MAP_ANON)
#define MAP_ANONYMOUS MAP_ANON
#endif
#endif

enum { VAULT_LOCKED = 1, VAULT_UNDUMPED = 2, VAULT_UNFORKED = 4 };

/* The first word of a vault as long as it holds what it was made for; zero after a wipe and in a forked child. */
static const uint64_t VAULT_ALIVE = 0x5ec7e7a11fe0ULL;

/* The calls go through a volatile pointer, so that no compiler leaves one out before memory is given back. */
static inline void vault_overwrite(void *memory, size_t length) {
    volatile unsigned char *at = (volatile unsigned char *)memory;
    while (length--) *at++ = 0;
}

#ifdef _WIN32

static size_t vault_page(void) { return 4096; }

static uint64_t *vault_map(size_t room, int *kept) {
    *kept = 0;
    return (uint64_t *)calloc(1, room);
}

static void vault_unmap(uint64_t *memory, size_t room) {
    vault_overwrite(memory, room);
    free(memory);
}

#else

static size_t vault_page(void) {
    long size = sysconf(_SC_PAGESIZE);
    return size > 0 ? (size_t)size : 4096;
}

/* room is a whole number of pages. NULL where there is no memory; kept says what of the rest worked. */
static uint64_t *vault_map(size_t room, int *kept) {
    size_t page = vault_page();
    char *whole = (char *)mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *memory;
    *kept = 0;
    if (whole == MAP_FAILED) return NULL;
    memory = whole + page;
    if (mprotect(memory, room, PROT_READ | PROT_WRITE)) {
        munmap(whole, room + 2 * page);
        return NULL;
    }
    if (!mlock(memory, room)) *kept |= VAULT_LOCKED;
#if defined(MADV_DONTDUMP)
    if (!madvise(memory, room, MADV_DONTDUMP)) *kept |= VAULT_UNDUMPED;
#elif defined(MADV_NOCORE)
    if (!madvise(memory, room, MADV_NOCORE)) *kept |= VAULT_UNDUMPED;
#endif
#if defined(MADV_WIPEONFORK)
    if (!madvise(memory, room, MADV_WIPEONFORK)) *kept |= VAULT_UNFORKED;
#elif defined(INHERIT_ZERO)
    if (!minherit(memory, room, INHERIT_ZERO)) *kept |= VAULT_UNFORKED;
#endif
    return (uint64_t *)memory;
}

static void vault_unmap(uint64_t *memory, size_t room) {
    size_t page = vault_page();
    vault_overwrite(memory, room);
    munmap((char *)memory - page, room + 2 * page);
}

#endif

#endif
