// Metrics in Prometheus' text format (0.0.4), as /metrics answers them.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace picket {

class MetricsText {
 public:
  enum class Type { counter, gauge };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // The samples that follow are of this metric.
  void begin(Type type, std::string_view name, std::string_view help);
  template <class Number>
  void sample(Labels labels, Number value) {
    begin_sample(labels);
    fmt::format_to(std::back_inserter(out_), " {}\n", value);
  }
  // A metric of a single sample without labels.
  template <class Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    begin(Type::counter, name, help);
    sample({}, value);
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    begin(Type::gauge, name, help);
    sample({}, value);
  }

  std::string take() { return std::exchange(out_, {}); }

 private:
  void begin_sample(Labels labels);
  std::string out_, name_;
};

}  // namespace picket
