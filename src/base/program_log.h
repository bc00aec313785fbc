// What the program says of itself while it runs, through spdlog's default logger: a line for people, or a
// JSON object a line for collectors of logs. Text from elsewhere cannot make lines of its own in either.
#pragma once

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <span>
#include <string_view>
#include <utility>

namespace picket {

enum class LogForm : std::uint8_t {
  text,  // 2026-11-30T20:33:18.697Z warning source trail: …; coloured on a terminal
  json,  // {"time":"2026-11-30T20:33:18.697Z","level":"warning","message":"source trail: …","source":"trail"}
};

// From now on lines of that level and above go to standard error in this form.
void start_program_log(LogForm form, spdlog::level::level_enum least);
LogForm program_log_form();

// What a line is about; members of its own in JSON, where text has it in the message. Names are none of
// time, level, message.
using LogField = std::pair<std::string_view, std::string_view>;

// A line with fields.
void log_line(spdlog::level::level_enum level, std::span<const LogField> fields, std::string_view message);

template <class... Values>
void log_with(spdlog::level::level_enum level, std::initializer_list<LogField> fields,
              fmt::format_string<Values...> format, Values&&... values) {
  if (spdlog::should_log(level))
    log_line(level, {fields.begin(), fields.size()}, fmt::format(format, std::forward<Values>(values)...));
}

}  // namespace picket
