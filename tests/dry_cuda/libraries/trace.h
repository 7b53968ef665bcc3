/* What happens is written to the file that DRY_CUDA_TRACE names, one event a line. */
#ifndef TRACE_H
#define TRACE_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void trace(const char *format, ...) {
  const char *path = getenv("DRY_CUDA_TRACE");
  if (!path) return;
  char line[8192];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (file < 0 || write(file, line, length) != length) abort();
  close(file);
}

/* A number of the environment; tests change it while the process runs. */
static inline long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

#endif
