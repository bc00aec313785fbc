#include "base/program_log.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace picket {
namespace {

TEST(ProgramLog, WritesLinesForPeopleAndForPrograms) {
  testing::internal::CaptureStderr();
  start_program_log(LogForm::text, spdlog::level::info);
  spdlog::debug("not told");
  log_with(spdlog::level::warn, {{"source", "trail"}}, "source {}: {}", "trail", "no\nsuch \x1b[31mhost");
  start_program_log(LogForm::json, spdlog::level::warn);
  EXPECT_EQ(program_log_form(), LogForm::json);
  spdlog::info("not told");
  log_with(spdlog::level::err, {{"target", "on-\"call\""}, {"error", "a\nb"}}, "target on-call: {}", "a\nb");
  spdlog::warn("about nothing");
  start_program_log(LogForm::text, spdlog::level::info);
  const std::string told = testing::internal::GetCapturedStderr();
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = told.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(told.substr(at, end - at));
  ASSERT_EQ(lines.size(), 3U) << told;
  constexpr std::size_t time_size = std::string_view("2026-11-30T20:33:18.697Z").size();
  EXPECT_EQ(lines[0].substr(time_size), R"( warning source trail: no\x0asuch \x1b[31mhost)");
  EXPECT_TRUE(parse_time(lines[0].substr(0, time_size)));
  const std::size_t prefix = std::string_view(R"({"time":")").size();
  EXPECT_TRUE(parse_time(lines[1].substr(prefix, time_size)));
  EXPECT_EQ(lines[1].substr(prefix + time_size),
            R"(","level":"error","message":"target on-call: a\nb","target":"on-\"call\"","error":"a\nb"})");
  EXPECT_EQ(lines[2].substr(prefix + time_size), R"(","level":"warning","message":"about nothing"})");
}

}  // namespace
}  // namespace picket
