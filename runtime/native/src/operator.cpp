#include "operator.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "node.h"

namespace edgebert {
namespace {

// ONNX Runtime's threads during one run.
class SessionPool final : public Pool {
 public:
  SessionPool(const OrtApi& api, const OrtKernelContext* context) : api_(api), context_(context) {}

  void parallel(int64_t count, Task task, void* state) override {
    Call call{task, state};
    if (count == 1) return run(&call, 0);
    const auto total = static_cast<size_t>(count);
    check(api_, api_.KernelContext_ParallelFor(context_, run, total, total, &call));
  }

 private:
  struct Call {
    Task task;
    void* state;
  };
  static void run(void* call, size_t index) {
    static_cast<Call*>(call)->task(static_cast<Call*>(call)->state, static_cast<int64_t>(index));
  }

  const OrtApi& api_;
  const OrtKernelContext* context_;
};

// One node of one session.
class Node {
 public:
  Node(const Operator& op, const OrtKernelInfo* info)
      : api_(op.api),
        config_(read_config(read_attributes(op.api, info), read_constants(op.api, info))),
        packed_(config_, op.set, op.settings, [&](const std::string& reason) { warn(info, reason); }) {}

  void run(OrtKernelContext* context) const {
    const Tensor hidden = input(context, 0);
    const Tensor mask = input(context, 1);
    check_shapes(hidden.shape, mask.shape);
    OrtValue* output = nullptr;
    check(api_, api_.KernelContext_GetOutput(context, 0, hidden.shape.data(), hidden.shape.size(), &output));
    const int64_t batch = hidden.shape[0];
    const int64_t tokens = hidden.shape[1];
    if (batch == 0 || tokens == 0) return;
    void* written = nullptr;
    check(api_, api_.GetTensorMutableData(output, &written));
    SessionPool pool(api_, context);
    packed_.encoder().run(static_cast<const float*>(hidden.data), static_cast<const int64_t*>(mask.data), batch, tokens,
                          static_cast<float*>(written), pool);
  }

  const OrtApi& api() const { return api_; }

 private:
  void warn(const OrtKernelInfo* info, const std::string& reason) const {
    const OrtLogger* logger = nullptr;
    check(api_, api_.KernelInfo_GetLogger(info, &logger));
    const std::string message = "edgebert.native: runs without this packed copy: " + reason;
    check(api_, api_.Logger_LogMessage(logger, ORT_LOGGING_LEVEL_WARNING, message.c_str(), __FILE__, __LINE__,
                                       "edgebert.native"));
  }

  Tensor input(const OrtKernelContext* context, size_t index) const {
    const OrtValue* value = nullptr;
    check(api_, api_.KernelContext_GetInput(context, index, &value));
    return tensor_of(api_, value);
  }

  void check_shapes(const std::vector<int64_t>& hidden, const std::vector<int64_t>& mask) const {
    const bool fits = hidden.size() == 3 && hidden[2] == config_.hidden && mask.size() == 2 &&
                      std::ranges::equal(mask, std::span(hidden).first(2));
    if (fits) return;
    throw std::invalid_argument("edgebert.native: found hidden_states " + text_of(hidden) + " and attention_mask " +
                                text_of(mask) + ", expected (batch, tokens, " + std::to_string(config_.hidden) +
                                ") and (batch, tokens)");
  }

  const OrtApi& api_;
  Config config_;
  PackedEncoder packed_;
};

OrtStatus* create(const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info, void** kernel) noexcept {
  const auto& self = *static_cast<const Operator*>(op);
  try {
    *kernel = std::make_unique<Node>(self, info).release();
    return nullptr;
  } catch (...) {
    return status_of_exception(self.api);
  }
}

OrtStatus* compute(void* kernel, OrtKernelContext* context) noexcept {
  const auto& node = *static_cast<const Node*>(kernel);
  try {
    node.run(context);
    return nullptr;
  } catch (...) {
    return status_of_exception(node.api());
  }
}

void destroy(void* kernel) noexcept { delete static_cast<Node*>(kernel); }

enum Input : size_t { kHidden, kMask, kConstants, kInputs };

ONNXTensorElementDataType input_type(const OrtCustomOp*, size_t index) noexcept {
  if (index == kHidden) return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  if (index == kMask) return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;  // any
}

OrtCustomOpInputOutputCharacteristic input_kind(const OrtCustomOp*, size_t index) noexcept {
  return index == kConstants ? INPUT_OUTPUT_VARIADIC : INPUT_OUTPUT_REQUIRED;
}

void set_inputs_and_outputs(OrtCustomOp& op) {
  op.GetInputTypeCount = [](const OrtCustomOp*) noexcept -> size_t { return kInputs; };
  op.GetInputType = input_type;
  op.GetInputCharacteristic = input_kind;
  op.GetInputMemoryType = [](const OrtCustomOp*, size_t) noexcept { return OrtMemTypeDefault; };
  op.GetVariadicInputMinArity = [](const OrtCustomOp*) noexcept { return 1; };
  op.GetVariadicInputHomogeneity = [](const OrtCustomOp*) noexcept { return 0; };
  op.GetOutputTypeCount = [](const OrtCustomOp*) noexcept -> size_t { return 1; };
  op.GetOutputType = [](const OrtCustomOp*, size_t) noexcept { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; };
  op.GetOutputCharacteristic = [](const OrtCustomOp*, size_t) noexcept { return INPUT_OUTPUT_REQUIRED; };
  op.GetVariadicOutputMinArity = [](const OrtCustomOp*) noexcept { return 1; };
  op.GetVariadicOutputHomogeneity = [](const OrtCustomOp*) noexcept { return 1; };
}

}  // namespace

Operator::Operator(const OrtApi& ort, const InstructionSet& kernels, Settings chosen)
    : OrtCustomOp{}, api(ort), set(kernels), settings(std::move(chosen)) {
  version = kOrtApiVersion;
  GetName = [](const OrtCustomOp*) noexcept { return "Int8Encoder"; };
  GetExecutionProviderType = [](const OrtCustomOp*) noexcept { return "CPUExecutionProvider"; };
  GetStartVersion = [](const OrtCustomOp*) noexcept { return 1; };
  GetEndVersion = [](const OrtCustomOp*) noexcept { return std::numeric_limits<int>::max(); };
  CreateKernelV2 = create;
  KernelComputeV2 = compute;
  KernelDestroy = destroy;
  set_inputs_and_outputs(*this);
}

}  // namespace edgebert
