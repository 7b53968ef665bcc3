#include "ort.h"

#include <memory>

namespace edgebert {
namespace {

ElementType element_type(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return ElementType::float32;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
      return ElementType::int8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      return ElementType::uint8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return ElementType::int64;
    default:
      return ElementType::other;
  }
}

}  // namespace

void check(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return;
  const std::unique_ptr<OrtStatus, decltype(api.ReleaseStatus)> owner(status, api.ReleaseStatus);
  throw OrtError(api.GetErrorMessage(status));
}

OrtStatus* status_of_exception(const OrtApi& api) noexcept {
  try {
    throw;
  } catch (const ConfigError& error) {
    return api.CreateStatus(ORT_INVALID_GRAPH, error.what());
  } catch (const std::invalid_argument& error) {
    return api.CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    return api.CreateStatus(ORT_FAIL, "edgebert.native: there is not enough memory");
  } catch (const std::exception& error) {
    return api.CreateStatus(ORT_FAIL, error.what());
  } catch (...) {
    return api.CreateStatus(ORT_FAIL, "edgebert.native: an unknown exception");
  }
}

Tensor tensor_of(const OrtApi& api, const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api, api.GetTensorTypeAndShape(value, &info));
  const std::unique_ptr<OrtTensorTypeAndShapeInfo, decltype(api.ReleaseTensorTypeAndShapeInfo)> owner(
      info, api.ReleaseTensorTypeAndShapeInfo);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  check(api, api.GetTensorElementType(info, &type));
  size_t axes = 0;
  check(api, api.GetDimensionsCount(info, &axes));
  Tensor tensor{.type = element_type(type), .shape = std::vector<int64_t>(axes), .data = nullptr};
  check(api, api.GetDimensions(info, tensor.shape.data(), axes));
  void* data = nullptr;
  check(api, api.GetTensorMutableData(const_cast<OrtValue*>(value), &data));  // the API has no reader
  tensor.data = data;
  return tensor;
}

}  // namespace edgebert
