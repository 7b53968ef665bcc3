// The operator edgebert.native::Int8Encoder of ONNX Runtime.
#pragma once

#include "dispatch.h"
#include "ort.h"
#include "packed_encoder.h"

namespace edgebert {

inline constexpr const char* kDomain = "edgebert.native";

// The operator of the sessions that share these settings. Sessions keep pointers to it: it must outlive them.
struct Operator : OrtCustomOp {
  Operator(const OrtApi& ort, const InstructionSet& kernels, Settings chosen);

  const OrtApi& api;
  const InstructionSet& set;
  Settings settings;
};

}  // namespace edgebert
