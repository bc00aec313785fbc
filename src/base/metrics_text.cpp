#include "base/metrics_text.h"

namespace picket {

void MetricsText::begin(Type type, std::string_view name, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help,
                 type == Type::counter ? "counter" : "gauge");
}

void MetricsText::begin_sample(Labels labels) {
  out_ += name_;
  if (labels.size() == 0) return;
  char before = '{';
  for (const auto& [label, value] : labels) {
    out_ += std::exchange(before, ',');
    out_ += label;
    out_ += "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"' || c == '\n') out_ += '\\';
      out_ += c == '\n' ? 'n' : c;
    }
    out_ += '"';
  }
  out_ += '}';
}

}  // namespace picket
