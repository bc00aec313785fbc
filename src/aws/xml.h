// An XML answer of an AWS service as a tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace picket::aws {

struct Xml {
  std::string name;  // without a namespace
  std::string text;  // what stands in it directly
  std::vector<Xml> children;

  // The first element below it by its path, "reservationSet/item"; null when there is none.
  const Xml* find(std::string_view path) const;
  // All elements of a path's last name below the first elements of the names before it.
  std::vector<const Xml*> all(std::string_view path) const;
  // The text of `find`; empty when there is none.
  std::string_view at(std::string_view path) const;
};

// The root element. Document types, and nesting beyond 64 elements, are refused.
Result<Xml> parse_xml(std::string_view text);

}  // namespace picket::aws
