#include "aws/caller_keys.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

namespace picket::aws {

namespace {

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<std::optional<CallerKey>> load_caller_key(const std::string& file, const std::string& profile) {
  CallerKey key;
  if (file.empty()) {
    key = {environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
           environment("AWS_SESSION_TOKEN")};
    if (key.access_key_id.empty() || key.secret_access_key.empty()) return std::nullopt;
    return key;
  }
  std::ifstream lines(file);
  if (!lines) return fail(ErrorKind::io, "cannot open the credentials", file);
  bool inside = false;
  for (std::string raw; std::getline(lines, raw);) {
    const std::string line = trim(raw);
    if (line.starts_with('[')) inside = line == "[" + profile + "]";
    const std::size_t equals = line.find('=');
    if (!inside || equals == std::string::npos || line.starts_with('#')) continue;
    const std::string name = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
    if (name == "aws_access_key_id") key.access_key_id = value;
    if (name == "aws_secret_access_key") key.secret_access_key = value;
    if (name == "aws_session_token") key.session_token = value;
  }
  if (key.access_key_id.empty() || key.secret_access_key.empty())
    return fail(ErrorKind::invalid, fmt::format("has no whole key in the profile \"{}\"", profile), file);
  return key;
}

}  // namespace picket::aws
