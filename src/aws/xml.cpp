#include "aws/xml.h"

#include <expat.h>

#include <memory>

namespace picket::aws {

namespace {

constexpr std::size_t depth_max = 64;

struct Builder {
  XML_Parser parser;
  Xml root;
  std::vector<Xml*> open;
};

void XMLCALL on_start(void* self, const XML_Char* name, const XML_Char**) {
  Builder& builder = *static_cast<Builder*>(self);
  if (builder.open.size() >= depth_max) {
    XML_StopParser(builder.parser, XML_FALSE);
    return;
  }
  std::string_view local = name;
  if (const std::size_t colon = local.rfind(':'); colon != std::string_view::npos)
    local.remove_prefix(colon + 1);
  Xml* element = &builder.root;
  if (!builder.open.empty()) element = &builder.open.back()->children.emplace_back();
  element->name = local;
  builder.open.push_back(element);
}

void XMLCALL on_end(void* self, const XML_Char*) { static_cast<Builder*>(self)->open.pop_back(); }

void XMLCALL on_text(void* self, const XML_Char* text, int size) {
  Builder& builder = *static_cast<Builder*>(self);
  if (!builder.open.empty()) builder.open.back()->text.append(text, static_cast<std::size_t>(size));
}

void XMLCALL on_doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  XML_StopParser(static_cast<Builder*>(self)->parser, XML_FALSE);
}

}  // namespace

const Xml* Xml::find(std::string_view path) const {
  const std::size_t slash = path.find('/');
  for (const Xml& child : children) {
    if (child.name != path.substr(0, slash)) continue;
    return slash == std::string_view::npos ? &child : child.find(path.substr(slash + 1));
  }
  return nullptr;
}

std::vector<const Xml*> Xml::all(std::string_view path) const {
  const std::size_t slash = path.rfind('/');
  const Xml* parent = slash == std::string_view::npos ? this : find(path.substr(0, slash));
  std::vector<const Xml*> found;
  if (parent == nullptr) return found;
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (const Xml& child : parent->children)
    if (child.name == last) found.push_back(&child);
  return found;
}

std::string_view Xml::at(std::string_view path) const {
  const Xml* element = find(path);
  return element == nullptr ? std::string_view() : std::string_view(element->text);
}

Result<Xml> parse_xml(std::string_view text) {
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate(nullptr),
                                                                       XML_ParserFree);
  Builder builder{parser.get(), {}, {}};
  XML_SetUserData(parser.get(), &builder);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  if (XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE) != XML_STATUS_OK)
    return fail(ErrorKind::io, "the answer is not the XML that the service gives");
  return std::move(builder.root);
}

}  // namespace picket::aws
