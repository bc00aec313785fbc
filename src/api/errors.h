// How the API says no: GuardDuty's error shapes and the texts clients match on, word for word.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"

namespace picket::api {

struct ApiError {
  unsigned status = 400;
  std::string_view type = "BadRequestException";    // header x-amzn-ErrorType: the modelled shape
  std::string_view code = "InvalidInputException";  // the body's __type: finer
  std::string message;
};

// A JSON text, or why there is none.
using Answer = std::expected<std::string, ApiError>;

std::unexpected<ApiError> bad_request(std::string message);
// "The request is rejected because the parameter NAME has an invalid value.", and after it the reason, if one
// is given.
std::unexpected<ApiError> invalid_parameter(std::string_view name, std::string_view why = {});
// "The request is rejected because the one or more input parameters have invalid values."
std::unexpected<ApiError> invalid_parameters();
// "The request is rejected because an invalid or out-of-range value is specified as an input parameter."
std::unexpected<ApiError> out_of_range();
// autoEnableOrganizationMembers is ALL: no account of the organisation may be suspended or leave.
std::unexpected<ApiError> auto_enable_holds();
// "The request is rejected because the input detectorId is not owned by the current account."
std::unexpected<ApiError> detector_not_owned();
// "The request is rejected since no such resource found."
std::unexpected<ApiError> no_such_resource();
// 404 and 409, which only malware scans and plans, investigations and custom rules know.
std::unexpected<ApiError> resource_not_found();
std::unexpected<ApiError> conflict(std::string message);
// What a later version will do: recognised and validated, and refused with the reason.
std::unexpected<ApiError> unsupported(std::string message);
std::unexpected<ApiError> access_denied(std::string message);
// A failure of ours; the caller learns no more than that.
std::unexpected<ApiError> internal_error();
// `invalid` errors of the store are the caller's, about `parameter`; all others are ours.
std::unexpected<ApiError> store_error(const Error& error, std::string_view parameter);

// {"message": …, "__type": …, "type": …}: the model of 2025 names the member __type, that of 2026 type.
std::string error_body(const ApiError& error);

}  // namespace picket::api
