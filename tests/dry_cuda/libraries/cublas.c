/* Matrix products that are written down as rows, columns and depth, in cuBLAS's column-major order:
   a product of (tokens, in) with weights (in, out) has out rows and tokens columns. */
#include "trace.h"

int cublasCreate_v2(void **handle) {
  *handle = malloc(1);
  return 0;
}

int cublasDestroy_v2(void *handle) {
  free(handle);
  return 0;
}

int cublasSetStream_v2(void *handle, void *stream) {
  (void)handle, (void)stream;
  return 0;
}

int cublasSetMathMode(void *handle, int mode) {
  (void)handle, (void)mode;
  return 0;
}

int cublasGetMathMode(void *handle, int *mode) {
  (void)handle;
  *mode = 0;
  return 0;
}

static int product(int rows, int columns, int depth) {
  trace("product %d %d %d", rows, columns, depth);
  return 0;
}

#define PRODUCT(name)                                                                       \
  int name(void *handle, int first, int second, int rows, int columns, int depth) {         \
    (void)handle, (void)first, (void)second;                                                \
    return product(rows, columns, depth);                                                   \
  }

PRODUCT(cublasGemmBatchedEx)
PRODUCT(cublasGemmEx)
PRODUCT(cublasGemmStridedBatchedEx)
PRODUCT(cublasSgemmBatched)
PRODUCT(cublasSgemmStridedBatched)
PRODUCT(cublasSgemm_v2)

int cublasSgeam(void *handle, int first, int second, int rows, int columns) { /* a transpose */
  (void)handle, (void)first, (void)second;
  trace("launch cublasSgeam %d,%d", rows, columns);
  return 0;
}

const char *cublasGetStatusName(int status) { return status ? "an error" : "success"; }

const char *cublasGetStatusString(int status) { return cublasGetStatusName(status); }
