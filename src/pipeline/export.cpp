#include "pipeline/export.h"

#include <simdjson.h>

#include "base/json_writer.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

void copy_with_info(JsonWriter& json, const dom::object& object, std::string_view path) {
  json.begin_object();
  for (const auto field : object) {
    const std::string here = path.empty() ? std::string(field.key) : std::string(path) + "." + std::string(field.key);
    dom::object inner;
    json.key(field.key);
    if ((here == "service" || here == "service.additionalInfo") && field.value.get(inner) == simdjson::SUCCESS) {
      copy_with_info(json, inner, here);
    } else {
      json.raw(simdjson::minify(field.value));
    }
  }
  std::string_view value;
  if (path == "service.additionalInfo" && object["value"].get(value) == simdjson::SUCCESS) {
    dom::parser parser;
    dom::object members;
    if (parser.parse(value.data(), value.size()).get(members) == simdjson::SUCCESS) {
      for (const auto field : members) {
        dom::element taken;
        if (object[field.key].get(taken) != simdjson::SUCCESS) json.member_raw(field.key, simdjson::minify(field.value));
      }
    }
  }
  json.end_object();
}

}  // namespace

std::string exported_form(std::string_view document) {
  dom::parser parser;
  dom::object root;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS) return std::string(document);
  std::string out;
  JsonWriter json(out);
  copy_with_info(json, root, "");
  return out;
}

std::string subject_in_document(std::string_view document) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS) return {};
  for (const char* pointer : {"/resource/kubernetesDetails/kubernetesUserDetails/username", "/resource/accessKeyDetails/userName",
                              "/resource/instanceDetails/instanceId", "/resource/instanceDetails/networkInterfaces/0/networkInterfaceId",
                              "/resource/s3BucketDetails/0/name", "/resource/resourceType"}) {
    std::string_view text;
    if (root.at_pointer(pointer).get(text) == simdjson::SUCCESS && !text.empty()) return std::string(text);
  }
  return {};
}

}  // namespace picket
