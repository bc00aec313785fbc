#include "base/program_log.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/json_writer.h"
#include "base/printable.h"
#include "base/time.h"

namespace picket {

namespace {

std::atomic<LogForm> form_in_use = LogForm::text;
// Of the line that this thread is writing: the logger formats at once.
thread_local std::span<const LogField> fields_of_line;

TimeMs time_of(const spdlog::details::log_msg& line) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(line.time.time_since_epoch()).count();
}

std::string_view view_of(spdlog::string_view_t text) { return {text.data(), text.size()}; }

class Formatter final : public spdlog::formatter {
 public:
  explicit Formatter(LogForm form) : form_(form) {}
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<Formatter>(form_); }

  void format(const spdlog::details::log_msg& line, spdlog::memory_buf_t& out) override {
    const std::string_view level = view_of(spdlog::level::to_string_view(line.level));
    std::string text;
    if (form_ == LogForm::json) {
      JsonWriter json(text);
      json.begin_object();
      json.member("time", format_time(time_of(line)));
      json.member("level", level);
      json.member("message", view_of(line.payload));
      for (const auto& [name, value] : fields_of_line) json.member(name, value);
      json.end_object();
      text += '\n';
    } else {
      text = format_time(time_of(line)) + ' ';
      line.color_range_start = text.size();
      text += level;
      line.color_range_end = text.size();
      text += ' ' + printable(view_of(line.payload)) + '\n';
    }
    out.append(text.data(), text.data() + text.size());
  }

 private:
  const LogForm form_;
};

}  // namespace

void start_program_log(LogForm form, spdlog::level::level_enum least) {
  form_in_use = form;
  // JSON has no colours: on a terminal too somebody means to read it with a program.
  const char* const refused = std::getenv("NO_COLOR");
  const bool plain = form == LogForm::json || (refused != nullptr && *refused != '\0');
  const auto colours = plain ? spdlog::color_mode::never : spdlog::color_mode::automatic;
  auto logger = std::make_shared<spdlog::logger>(
      "picket", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colours));
  logger->set_formatter(std::make_unique<Formatter>(form));
  logger->set_level(least);
  spdlog::set_default_logger(std::move(logger));
}

LogForm program_log_form() { return form_in_use; }

void log_line(spdlog::level::level_enum level, std::span<const LogField> fields, std::string_view message) {
  fields_of_line = fields;
  spdlog::log(level, spdlog::string_view_t(message.data(), message.size()));
  fields_of_line = {};
}

}  // namespace picket
