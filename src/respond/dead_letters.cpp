#include "respond/dead_letters.h"

#include <simdjson.h>

#include <filesystem>
#include <fstream>

#include "base/json_writer.h"
#include "respond/line_file.h"

namespace picket::respond {

namespace dom = simdjson::dom;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> lines_of(const std::string& file, std::streamoff from, std::streamoff& end) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(from);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(std::move(line));
  std::error_code error;
  const auto size = fs::file_size(file, error);
  end = error ? from : static_cast<std::streamoff>(size);
  return lines;
}

}  // namespace

std::string dead_letter_line(const DeadLetter& letter) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("time", format_time(letter.time));
  json.member("target", letter.target);
  json.member("rule", letter.rule);
  json.member("attempts", letter.attempts);
  json.member("error", letter.error);
  json.member("change", word_of(letter.event.change));
  json.member_raw("event", event_json(letter.event));
  json.end_object();
  return out;
}

Result<DeadLetter> parse_dead_letter(std::string_view line) {
  dom::parser parser;
  dom::element root, detail;
  std::string_view target, rule, error, time, id, finding;
  std::uint64_t attempts = 0;
  if (parser.parse(line.data(), line.size()).get(root) != simdjson::SUCCESS ||
      root["target"].get(target) != simdjson::SUCCESS || root["rule"].get(rule) != simdjson::SUCCESS ||
      root.at_pointer("/event/id").get(id) != simdjson::SUCCESS ||
      root.at_pointer("/event/detail").get(detail) != simdjson::SUCCESS ||
      detail["id"].get(finding) != simdjson::SUCCESS)
    return fail(ErrorKind::invalid, "not a line of the dead-letter file");
  std::string_view change;
  bool is_new = true;  // as earlier versions wrote it
  if (root["change"].get(change) != simdjson::SUCCESS)
    change = word_of(root["new"].get(is_new) != simdjson::SUCCESS || is_new ? FindingChange::created
                                                                            : FindingChange::updated);
  if (root["error"].get(error) != simdjson::SUCCESS) error = {};
  if (root["time"].get(time) != simdjson::SUCCESS) time = {};
  if (root["attempts"].get(attempts) != simdjson::SUCCESS) attempts = 0;
  DeadLetter letter{.time = parse_time(time).value_or(0),
                    .target = std::string(target),
                    .rule = std::string(rule),
                    .error = std::string(error),
                    .attempts = static_cast<unsigned>(attempts),
                    .event = event_of(simdjson::minify(detail), finding, 0,
                                      parse_change(change).value_or(FindingChange::created))};
  letter.event.id = id;
  return letter;
}

Result<DeadLetters> read_dead_letters(const std::string& file) {
  DeadLetters found;
  std::streamoff end = 0;
  for (const std::string& line : lines_of(file, 0, end)) {
    if (auto letter = parse_dead_letter(line))
      found.letters.push_back(std::move(*letter));
    else
      ++found.unreadable;
  }
  return found;
}

Result<Resent> resend(const std::string& file, const std::function<bool(const DeadLetter&)>& wanted,
                      const std::function<Result<void>(const DeadLetter&)>& send) {
  const std::string taken = file + ".resending";
  std::error_code error;
  // One that is there was left by a crash; what is in the file itself waits for the next time.
  if (!fs::exists(taken)) fs::rename(file, taken, error);
  if (error == std::errc::no_such_file_or_directory) return Resent{};
  if (error) return fail(ErrorKind::io, error.message(), file);
  Resent result;
  LineFile back(file);
  std::vector<std::string> kept;
  std::streamoff end = 0;
  for (std::string& line : lines_of(taken, 0, end)) {
    const auto letter = parse_dead_letter(line);
    if (letter && wanted(*letter)) {
      const auto sent = send(*letter);
      if (sent) {
        ++result.sent;
        continue;
      }
      if (result.first_error.empty()) result.first_error = sent.error().message();
    }
    kept.push_back(std::move(line));
  }
  // A line that was on its way when the file was taken.
  for (std::string& line : lines_of(taken, end, end)) kept.push_back(std::move(line));
  for (const std::string& line : kept)
    if (auto put = back.append(line); !put) return std::unexpected(put.error());
  result.kept = kept.size();
  fs::remove(taken, error);
  if (error) return fail(ErrorKind::io, error.message(), taken);
  return result;
}

}  // namespace picket::respond
