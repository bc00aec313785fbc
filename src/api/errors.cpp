#include "api/errors.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/json_writer.h"

namespace picket::api {

std::unexpected<ApiError> bad_request(std::string message) {
  return std::unexpected(ApiError{.message = std::move(message)});
}

std::unexpected<ApiError> invalid_parameter(std::string_view name, std::string_view why) {
  std::string message =
      fmt::format("The request is rejected because the parameter {} has an invalid value.", name);
  if (!why.empty()) message += fmt::format(" Reason: {}.", why);
  return bad_request(std::move(message));
}

std::unexpected<ApiError> invalid_parameters() {
  return bad_request("The request is rejected because the one or more input parameters have invalid values.");
}

std::unexpected<ApiError> out_of_range() {
  return bad_request(
      "The request is rejected because an invalid or out-of-range value is specified as an input parameter.");
}

std::unexpected<ApiError> auto_enable_holds() {
  return bad_request(
      "The request is rejected because autoEnableOrganizationMembers is set to ALL for the organization.");
}

std::unexpected<ApiError> detector_not_owned() {
  return bad_request(
      "The request is rejected because the input detectorId is not owned by the current account.");
}

std::unexpected<ApiError> no_such_resource() {
  return bad_request("The request is rejected since no such resource found.");
}

std::unexpected<ApiError> resource_not_found() {
  return std::unexpected(ApiError{.status = 404,
                                  .type = "ResourceNotFoundException",
                                  .code = "ResourceNotFoundException",
                                  .message = "The request is rejected since no such resource found."});
}

std::unexpected<ApiError> conflict(std::string message) {
  return std::unexpected(ApiError{.status = 409,
                                  .type = "ConflictException",
                                  .code = "ConflictException",
                                  .message = std::move(message)});
}

std::unexpected<ApiError> unsupported(std::string message) {
  auto error = bad_request(std::move(message));
  error.error().code = "UnsupportedOperationException";
  return error;
}

std::unexpected<ApiError> access_denied(std::string message) {
  return std::unexpected(ApiError{.status = 403,
                                  .type = "AccessDeniedException",
                                  .code = "AccessDeniedException",
                                  .message = std::move(message)});
}

std::unexpected<ApiError> internal_error() {
  return std::unexpected(ApiError{.status = 500,
                                  .type = "InternalServerErrorException",
                                  .code = "InternalException",
                                  .message = "An internal server error occurred."});
}

std::unexpected<ApiError> store_error(const Error& error, std::string_view parameter) {
  if (error.kind == ErrorKind::invalid) return invalid_parameter(parameter, error.message());
  spdlog::error("api: {}", error.message());
  return internal_error();
}

std::string error_body(const ApiError& error) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("message", error.message);
  json.member("__type", error.code);
  json.member("type", error.code);
  json.end_object();
  return out;
}

}  // namespace picket::api
