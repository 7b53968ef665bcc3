// Attributes and constants of a node, as ONNX Runtime has them.
#pragma once

#include <vector>

#include "config.h"
#include "ort.h"

namespace edgebert {

// Each throws OrtError: the node lacks an attribute, or an input from the third on is no constant.
Attributes read_attributes(const OrtApi& api, const OrtKernelInfo* node);
std::vector<Tensor> read_constants(const OrtApi& api, const OrtKernelInfo* node);

}  // namespace edgebert
