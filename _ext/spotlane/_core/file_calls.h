/* The two calls that write a file, tried again where a signal came in. */
#ifndef SPOTLANE_FILE_CALLS_H
#define SPOTLANE_FILE_CALLS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#include <io.h>
static int64_t file_write(int fd, const uint8_t *data, size_t length) {
    return _write(fd, data, (unsigned int)length);
}
static int file_truncate(int fd, int64_t length) { return _chsize_s(fd, length) ? -1 : 0; }
#else
#include <unistd.h>
static int64_t file_write(int fd, const uint8_t *data, size_t length) {
    ssize_t written;
    do {
        written = write(fd, data, length);
    } while (written < 0 && errno == EINTR);
    return written;
}
static int file_truncate(int fd, int64_t length) {
    int result;
    do {
        result = ftruncate(fd, (off_t)length);
    } while (result != 0 && errno == EINTR);
    return result;
}
#endif

#endif
