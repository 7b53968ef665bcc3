#include "case_file.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string_view>

namespace edgebert::check {
namespace {

constexpr std::string_view kMagic = "EBCASE01";
constexpr int64_t kMost = int64_t{1} << 32;

// Little-endian numbers, one after the other.
class Reader {
 public:
  explicit Reader(std::span<const char> bytes) : bytes_(bytes) {}

  std::span<const char> take(int64_t count) {
    if (count < 0 || static_cast<size_t>(count) > bytes_.size()) throw std::runtime_error("the case is cut short");
    const auto taken = bytes_.first(static_cast<size_t>(count));
    bytes_ = bytes_.subspan(static_cast<size_t>(count));
    return taken;
  }

  template <class Number>
  Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  int64_t integer() { return number<int64_t>(); }

  template <class Element>
  std::vector<Element> list() {
    const int64_t count = integer();
    if (count < 0 || count > kMost) throw std::runtime_error("the case has a list of an impossible length");
    std::vector<Element> values(static_cast<size_t>(count));
    const auto bytes = take(count * static_cast<int64_t>(sizeof(Element)));
    if (count > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  std::string text() {
    const auto letters = list<char>();
    return {letters.begin(), letters.end()};
  }

 private:
  std::span<const char> bytes_;
};

Attributes read_attributes(Reader& reader) {
  Attributes attributes;
  for (int64_t* each : {&attributes.layers, &attributes.hidden, &attributes.heads, &attributes.head_size,
                        &attributes.ffn, &attributes.gated}) {
    *each = reader.integer();
  }
  attributes.epsilon = reader.number<float>();
  attributes.scale = reader.number<float>();
  for (std::string* each : {&attributes.scheme, &attributes.norm, &attributes.norm_place, &attributes.activation}) {
    *each = reader.text();
  }
  attributes.windows = reader.list<int64_t>();
  attributes.roles = reader.list<int64_t>();
  return attributes;
}

OwnedTensor read_tensor(Reader& reader) {
  OwnedTensor tensor;
  tensor.type = static_cast<ElementType>(reader.integer());
  tensor.shape = reader.list<int64_t>();
  tensor.bytes = reader.list<std::byte>();
  return tensor;
}

Run read_run(Reader& reader) {
  Run run;
  run.batch = reader.integer();
  run.tokens = reader.integer();
  run.hidden = reader.list<float>();
  run.mask = reader.list<int64_t>();
  run.expected = reader.list<float>();
  run.tolerance = reader.number<double>();
  return run;
}

}  // namespace

std::vector<Tensor> Case::views() const {
  std::vector<Tensor> views;
  for (const OwnedTensor& each : constants) views.push_back(each.view());
  return views;
}

Case read_case(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  Reader reader(bytes);
  const auto magic = reader.take(static_cast<int64_t>(kMagic.size()));
  if (std::string_view(magic.data(), magic.size()) != kMagic) throw std::runtime_error(path + " is no case");
  Case read;
  read.attributes = read_attributes(reader);
  for (int64_t left = reader.integer(); left > 0; --left) read.constants.push_back(read_tensor(reader));
  for (int64_t left = reader.integer(); left > 0; --left) read.runs.push_back(read_run(reader));
  return read;
}

}  // namespace edgebert::check
