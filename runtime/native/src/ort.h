// ONNX Runtime's C API, version 17: the oldest that can do what this library needs.
#pragma once

#define ORT_API_MANUAL_INIT
#include <onnxruntime_c_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "config.h"

namespace edgebert {

inline constexpr uint32_t kOrtApiVersion = 17;

// What a call of the API said.
class OrtError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws OrtError if the call failed; releases the status.
void check(const OrtApi& api, OrtStatus* status);

// A status from the exception that is being handled: no exception may reach ONNX Runtime.
OrtStatus* status_of_exception(const OrtApi& api) noexcept;

// A tensor in the memory of ONNX Runtime, which keeps it.
// Throws OrtError: it is no tensor.
Tensor tensor_of(const OrtApi& api, const OrtValue* value);

}  // namespace edgebert
