/* CUDA's runtime for a card that is not there: its memory is the host's, copies are made, launches
   are written down, and of kernels only those that say how large something is are computed.

   What a capture forbids is refused as CUDA does
   (https://docs.nvidia.com/cuda/cuda-programming-guide/, "CUDA Graphs"). Signatures are those of
   cuda_runtime_api.h and crt/host_runtime.h of CUDA 13. */
#include <cuda_runtime_api.h>

#include "trace.h"

static __thread int device;
static int capturing;
static long in_capture;
static size_t allocated;

/* The card */

static cudaError_t present(void) { return (cudaError_t)setting("DRY_CUDA_ERROR", 0); }

enum { CARDS = 2 };

static size_t memory(void) { return (size_t)setting("DRY_CUDA_MEMORY", 8L << 30); }

cudaError_t cudaGetDeviceCount(int *count) {
  *count = CARDS;
  return present();
}

cudaError_t cudaSetDevice(int number) {
  if (present()) return present();
  if (number < 0 || number >= CARDS) return cudaErrorInvalidDevice;
  device = number;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *number) {
  *number = device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *card, int number) {
  (void)number;
  long capability = setting("DRY_CUDA_CAPABILITY", 90);
  memset(card, 0, sizeof *card);
  strcpy(card->name, "dry");
  card->major = (int)(capability / 10);
  card->minor = (int)(capability % 10);
  card->multiProcessorCount = 108;
  card->warpSize = 32;
  card->totalGlobalMem = memory();
  card->sharedMemPerBlock = 48 << 10;
  card->sharedMemPerBlockOptin = capability == 75 ? 64 << 10 : 99 << 10;
  card->sharedMemPerMultiprocessor = 100 << 10;
  card->regsPerBlock = card->regsPerMultiprocessor = 64 << 10;
  card->maxThreadsPerBlock = 1024;
  card->maxThreadsPerMultiProcessor = 2048;
  card->maxBlocksPerMultiProcessor = 32;
  card->maxThreadsDim[0] = card->maxThreadsDim[1] = 1024;
  card->maxThreadsDim[2] = 64;
  card->maxGridSize[0] = 2147483647;
  card->maxGridSize[1] = card->maxGridSize[2] = 65535;
  card->unifiedAddressing = card->concurrentKernels = card->cooperativeLaunch = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int number) {
  struct cudaDeviceProp card;
  cudaGetDeviceProperties(&card, number);
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = card.major; break;
    case cudaDevAttrComputeCapabilityMinor: *value = card.minor; break;
    case cudaDevAttrMultiProcessorCount: *value = card.multiProcessorCount; break;
    case cudaDevAttrWarpSize: *value = card.warpSize; break;
    case cudaDevAttrMaxGridDimX: *value = card.maxGridSize[0]; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = card.maxThreadsPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = (int)card.sharedMemPerBlock; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = (int)card.sharedMemPerBlockOptin; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = (int)card.sharedMemPerMultiprocessor;
      break;
    default:
      trace("unexpected attribute %d", attribute);
      *value = 0;
  }
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaGetLastError(void) { return cudaSuccess; }

cudaError_t cudaPeekAtLastError(void) { return cudaSuccess; }

const char *cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaError";
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    default: return "an error";
  }
}

/* Memory; every block has its size before it */

enum { BEFORE = 256 };

static cudaError_t take(void **address, size_t size, const char *kind) {
  if (allocated + size > memory()) {
    trace("full %zu", size);
    return cudaErrorMemoryAllocation;
  }
  size_t whole = (size + 2 * BEFORE - 1) / BEFORE * BEFORE;
  char *block = aligned_alloc(BEFORE, whole);
  memset(block, 0, whole);
  memcpy(block, &size, sizeof size);
  allocated += size;
  *address = block + BEFORE;
  trace("%s %zu", kind, size);
  return cudaSuccess;
}

static cudaError_t give_back(void *address) {
  size_t size;
  if (!address) return cudaSuccess;
  memcpy(&size, (char *)address - BEFORE, sizeof size);
  allocated -= size;
  free((char *)address - BEFORE);
  return cudaSuccess;
}

static cudaError_t refuse(const char *call) {
  trace("illegal %s", call);
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t cudaMalloc(void **address, size_t size) {
  return capturing ? refuse("cudaMalloc") : take(address, size, "malloc");
}

cudaError_t cudaFree(void *address) { return give_back(address); }

cudaError_t cudaMallocHost(void **address, size_t size) { return take(address, size, "pinned"); }

cudaError_t cudaHostAlloc(void **address, size_t size, unsigned flags) {
  (void)flags;
  return take(address, size, "pinned");
}

cudaError_t cudaFreeHost(void *address) { return give_back(address); }

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total) {
  *total = memory();
  *unused = *total - allocated;
  return cudaSuccess;
}

static void copy(void *to, const void *from, size_t size, enum cudaMemcpyKind kind) {
  static const char *const kinds[] = {"host", "up", "down", "within", "any"};
  trace("%s %s %zu", capturing ? "captured copy" : "copy", kinds[kind], size);
  if (!capturing) memmove(to, from, size);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size, enum cudaMemcpyKind kind) {
  if (capturing) return refuse("cudaMemcpy");
  copy(to, from, size, kind);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
  (void)stream;
  copy(to, from, size, kind);
  return cudaSuccess;
}

cudaError_t cudaMemset(void *address, int value, size_t size) {
  if (capturing) return refuse("cudaMemset");
  memset(address, value, size);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *address, int value, size_t size, cudaStream_t stream) {
  (void)stream;
  if (!capturing) memset(address, value, size);
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *about, const void *address) {
  memset(about, 0, sizeof *about);
  about->type = cudaMemoryTypeDevice;
  about->devicePointer = (void *)address;
  return cudaSuccess;
}

/* Streams and events: everything is over when it returns */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  (void)flags;
  *stream = malloc(1);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  free(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  (void)stream;
  if (capturing) return refuse("cudaStreamSynchronize");
  trace("wait");
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void) { return cudaStreamSynchronize(0); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  (void)stream, (void)event, (void)flags;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  (void)flags;
  *event = malloc(1);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  free(event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  (void)event, (void)stream;
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) { return cudaStreamSynchronize((void *)event); }

/* Captures */

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
  (void)stream;
  *status = capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
  (void)stream, (void)mode;
  capturing = 1;
  in_capture = 0;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  (void)stream;
  capturing = 0;
  long *launches = malloc(sizeof *launches);
  *launches = in_capture;
  *graph = (cudaGraph_t)launches;
  trace("capture %ld", in_capture);
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long flags) {
  (void)flags;
  long *launches = malloc(sizeof *launches);
  *launches = *(long *)graph;
  *executable = (cudaGraphExec_t)launches;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  (void)stream;
  trace("replay %ld", *(long *)executable);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  free(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  free(executable);
  return cudaSuccess;
}

/* Kernels: registered by the address of a function on the host, known by their mangled names */

enum { SLOTS = 1 << 17 };
static struct {
  const void *function;
  const char *name;
} kernels[SLOTS];

static size_t slot_of(const void *function) {
  size_t slot = ((size_t)function >> 4) % SLOTS;
  while (kernels[slot].function && kernels[slot].function != function) slot = (slot + 1) % SLOTS;
  return slot;
}

void **__cudaRegisterFatBinary(void *binary) {
  static void *handle;
  (void)binary;
  return &handle;
}

void __cudaRegisterFatBinaryEnd(void **handle) { (void)handle; }

void __cudaUnregisterFatBinary(void **handle) { (void)handle; }

void __cudaRegisterVar(void **handle, char *host, char *address, const char *name, int external,
                       size_t size, int constant, int global) {
  (void)handle, (void)host, (void)address, (void)name;
  (void)external, (void)size, (void)constant, (void)global;
}

void __cudaRegisterFunction(void **handle, const char *function, char *on_device, const char *name,
                            int limit, uint3 *thread, uint3 *block, dim3 *threads, dim3 *blocks,
                            int *warp) {
  (void)handle, (void)on_device, (void)limit;
  (void)thread, (void)block, (void)threads, (void)blocks, (void)warp;
  size_t slot = slot_of(function);
  kernels[slot].function = function;
  kernels[slot].name = name;
}

/* The host waits for what these compute, and allocates by it. */
static void compute(const char *name, void **arguments) {
#define ARGUMENT(type, index) (*(type *)arguments[index])
  if (strstr(name, "OP_CastIlb")) { /* (in, out, operation, count) */
    const long *in = ARGUMENT(long *, 0);
    char *out = ARGUMENT(char *, 1);
    for (long at = 0; at < ARGUMENT(long, 3); at++) out[at] = in[at] != 0;
  } else if (strstr(name, "NonZeroCountEachBlockKernelIb")) { /* (in, count, out) */
    const char *in = ARGUMENT(char *, 0);
    int *out = ARGUMENT(int *, 2);
    for (long at = 0; at < ARGUMENT(long, 1); at++) {
      if (at % 256 == 0) out[at / 256] = 0;
      out[at / 256] += in[at];
    }
  } else if (strstr(name, "16DeviceScanKernelI")) { /* (in, out, …, count) */
    const int *in = ARGUMENT(int *, 0);
    int *out = ARGUMENT(int *, 1), sum = 0;
    for (int at = 0; at < ARGUMENT(int, 6); at++) out[at] = sum += in[at];
  }
#undef ARGUMENT
}

static cudaError_t launch(const void *function, dim3 blocks, dim3 threads, void **arguments) {
  const char *name = kernels[slot_of(function)].name;
  if (!name) name = "unknown";
  in_capture += capturing;
  trace("%s %s %u,%u,%u %u,%u,%u", capturing ? "captured launch" : "launch", name, blocks.x,
        blocks.y, blocks.z, threads.x, threads.y, threads.z);
  if (!capturing) compute(name, arguments);
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void *function, dim3 blocks, dim3 threads, void **arguments,
                             size_t shared, cudaStream_t stream) {
  (void)shared, (void)stream;
  return launch(function, blocks, threads, arguments);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *how, const void *function,
                                void **arguments) {
  return launch(function, how->gridDim, how->blockDim, arguments);
}

cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *function) {
  *kernel = (cudaKernel_t)function;
  return cudaSuccess;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 blocks, dim3 threads, void **arguments,
                               size_t shared, cudaStream_t stream) {
  (void)shared, (void)stream;
  return launch(kernel, blocks, threads, arguments);
}

/* What the host does once the stream has come so far; a capture would do it at every replay. */
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
  (void)stream;
  trace("%s", capturing ? "captured host function" : "host function");
  if (!capturing) function(data);
  return cudaSuccess;
}

static __thread struct {
  dim3 blocks, threads;
  size_t shared;
  void *stream;
} called[8];
static __thread int depth;

unsigned __cudaPushCallConfiguration(dim3 blocks, dim3 threads, size_t shared,
                                     struct CUstream_st *stream) {
  called[depth].blocks = blocks;
  called[depth].threads = threads;
  called[depth].shared = shared;
  called[depth].stream = stream;
  depth++;
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3 *blocks, dim3 *threads, size_t *shared, void *stream) {
  depth--;
  *blocks = called[depth].blocks;
  *threads = called[depth].threads;
  *shared = called[depth].shared;
  *(void **)stream = called[depth].stream;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *about, const void *function) {
  (void)function;
  memset(about, 0, sizeof *about);
  about->maxThreadsPerBlock = 1024;
  about->numRegs = 32;
  about->ptxVersion = about->binaryVersion = (int)setting("DRY_CUDA_CAPABILITY", 90);
  about->maxDynamicSharedSizeBytes = 99 << 10;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute,
                                 int value) {
  (void)function, (void)attribute, (void)value;
  return cudaSuccess;
}

cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, enum cudaFuncAttribute attribute,
                                            int value, int number) {
  (void)kernel, (void)attribute, (void)value, (void)number;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks,
                                                                   const void *function,
                                                                   int threads, size_t shared,
                                                                   unsigned flags) {
  (void)function, (void)threads, (void)shared, (void)flags;
  *blocks = 2;
  return cudaSuccess;
}
