#include "node.h"

namespace edgebert {
namespace {

constexpr size_t kFirstConstant = 2;

class Reader {
 public:
  Reader(const OrtApi& api, const OrtKernelInfo* node) : api_(api), node_(node) {}

  void read(const char* name, int64_t& value) const {
    check(api_, api_.KernelInfoGetAttribute_int64(node_, name, &value));
  }
  void read(const char* name, float& value) const {
    check(api_, api_.KernelInfoGetAttribute_float(node_, name, &value));
  }
  void read(const char* name, std::string& value) const {
    size_t size = 0;  // with the null byte at the end
    check(api_, api_.KernelInfoGetAttribute_string(node_, name, nullptr, &size));
    value.resize(size);
    check(api_, api_.KernelInfoGetAttribute_string(node_, name, value.data(), &size));
    value.resize(size > 0 ? size - 1 : 0);
  }
  void read(const char* name, std::vector<int64_t>& values) const {
    size_t size = 0;
    check(api_, api_.KernelInfoGetAttributeArray_int64(node_, name, nullptr, &size));
    values.resize(size);
    check(api_, api_.KernelInfoGetAttributeArray_int64(node_, name, values.data(), &size));
  }

 private:
  const OrtApi& api_;
  const OrtKernelInfo* node_;
};

}  // namespace

Attributes read_attributes(const OrtApi& api, const OrtKernelInfo* node) {
  const Reader reader(api, node);
  Attributes attributes;
  reader.read("layers", attributes.layers);
  reader.read("hidden", attributes.hidden);
  reader.read("heads", attributes.heads);
  reader.read("head_size", attributes.head_size);
  reader.read("ffn", attributes.ffn);
  reader.read("epsilon", attributes.epsilon);
  reader.read("scale", attributes.scale);
  reader.read("scheme", attributes.scheme);
  reader.read("norm", attributes.norm);
  reader.read("norm_place", attributes.norm_place);
  reader.read("activation", attributes.activation);
  reader.read("gated", attributes.gated);
  reader.read("windows", attributes.windows);
  reader.read("roles", attributes.roles);
  return attributes;
}

std::vector<Tensor> read_constants(const OrtApi& api, const OrtKernelInfo* node) {
  size_t count = 0;
  check(api, api.KernelInfo_GetInputCount(node, &count));
  std::vector<Tensor> constants;
  for (size_t input = kFirstConstant; input < count; ++input) {
    int constant = 0;
    const OrtValue* value = nullptr;
    check(api, api.KernelInfoGetConstantInput_tensor(node, input, &constant, &value));
    if (constant == 0 || value == nullptr) {
      throw ConfigError("input " + std::to_string(input) + ": found no constant, expected one from input 2 on");
    }
    constants.push_back(tensor_of(api, value));
  }
  return constants;
}

}  // namespace edgebert
