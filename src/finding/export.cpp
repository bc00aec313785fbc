#include "finding/export.h"

#include <simdjson.h>

#include "base/json_writer.h"

namespace picket {

namespace dom = simdjson::dom;

namespace {

// The members of additionalInfo.value, spelled out where the renderer of scans puts them: before `value`.
void spell_out(JsonWriter& json, const dom::object& info) {
  std::string_view value;
  dom::parser parser;
  dom::object members;
  if (info["value"].get(value) != simdjson::SUCCESS) return;
  if (parser.parse(value.data(), value.size()).get(members) != simdjson::SUCCESS) return;
  for (const auto field : members) {
    dom::element taken;
    if (info[field.key].get(taken) != simdjson::SUCCESS)
      json.member_raw(field.key, simdjson::minify(field.value));
  }
}

void copy_with_info(JsonWriter& json, const dom::object& object, std::string_view path) {
  json.begin_object();
  for (const auto field : object) {
    const std::string here =
        path.empty() ? std::string(field.key) : std::string(path) + "." + std::string(field.key);
    if (here == "service.additionalInfo.value") spell_out(json, object);
    dom::object inner;
    json.key(field.key);
    if ((here == "service" || here == "service.additionalInfo") &&
        field.value.get(inner) == simdjson::SUCCESS) {
      copy_with_info(json, inner, here);
    } else {
      json.raw(simdjson::minify(field.value));
    }
  }
  json.end_object();
}

void copy_withdrawn(JsonWriter& json, const dom::object& object, std::string_view path) {
  json.begin_object();
  for (const auto field : object) {
    const std::string here =
        path.empty() ? std::string(field.key) : std::string(path) + "." + std::string(field.key);
    if (here == "service.archived" || here == "service.additionalInfo.picket.withdrawn") continue;
    dom::object inner;
    json.key(field.key);
    if ((here == "service" || here == "service.additionalInfo" || here == "service.additionalInfo.picket") &&
        field.value.get(inner) == simdjson::SUCCESS) {
      copy_withdrawn(json, inner, here);
    } else {
      json.raw(simdjson::minify(field.value));
    }
  }
  if (path == "service") json.member("archived", true);
  if (path == "service.additionalInfo.picket") json.member("withdrawn", true);
  json.end_object();
}

}  // namespace

std::string exported_form(std::string_view document) {
  dom::parser parser;
  dom::object root;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS)
    return std::string(document);
  std::string out;
  JsonWriter json(out);
  copy_with_info(json, root, "");
  return out;
}

std::string withdrawn_form(std::string_view exported) {
  dom::parser parser;
  dom::object root;
  if (parser.parse(exported.data(), exported.size()).get(root) != simdjson::SUCCESS)
    return std::string(exported);
  std::string out;
  JsonWriter json(out);
  copy_withdrawn(json, root, "");
  return out;
}

std::string subject_in_document(std::string_view document) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(document.data(), document.size()).get(root) != simdjson::SUCCESS) return {};
  for (const char* pointer : {"/resource/kubernetesDetails/kubernetesUserDetails/username",
                              "/resource/accessKeyDetails/userName", "/resource/instanceDetails/instanceId",
                              "/resource/instanceDetails/networkInterfaces/0/networkInterfaceId",
                              "/resource/s3BucketDetails/0/name",
                              "/service/detection/sequence/actors/0/user/name", "/resource/resourceType"}) {
    std::string_view text;
    if (root.at_pointer(pointer).get(text) == simdjson::SUCCESS && !text.empty()) return std::string(text);
  }
  return {};
}

}  // namespace picket
