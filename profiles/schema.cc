// SPDX-License-Identifier: MIT
#include "profiles/schema.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "profiles/keys.h"
#include "profiles/show.h"
#include "profiles/yaml.h"

namespace kvmrt::profiles {
namespace {

using nlohmann::ordered_json;

ordered_json words_as_enum(std::string_view alternatives) {
  ordered_json words = ordered_json::array();
  for (const std::string_view word : words_of(alternatives)) {
    words.push_back(std::string(word));
    if (word == "on" || word == "off") words.push_back(word == "on");  // as YAML 1.1 reads them
  }
  return {{"enum", words}};
}

ordered_json either(ordered_json first, ordered_json second) {
  ordered_json any;
  any["anyOf"] = ordered_json::array({std::move(first), std::move(second)});
  return any;
}

ordered_json text_like() { return {{"type", {"string", "number", "boolean"}}}; }

ordered_json integer(const Key& key) {
  ordered_json schema{{"type", "integer"}};
  const std::string allowed(key.allowed);
  const std::size_t dots = allowed.find("..");
  if (dots == std::string::npos) return schema;
  schema["minimum"] = std::stoi(allowed.substr(0, dots));
  schema["maximum"] = std::stoi(allowed.substr(dots + 2));
  return schema;
}

ordered_json boolean() {
  return either({{"type", "boolean"}},
                {{"enum", {"on", "off", "yes", "no", "On", "Off", "Yes", "No", 0, 1}}});
}

ordered_json topology() {
  const ordered_json number = {{"type", "integer"}, {"minimum", 1}};
  ordered_json map{{"type", "object"},
                   {"properties", {{"sockets", number}, {"cores", number}, {"threads", number}}},
                   {"additionalProperties", false}};
  return either({{"type", "string"}, {"pattern", "^(auto|[0-9]+, *[0-9]+, *[0-9]+)$"}},
                std::move(map));
}

ordered_json texts(const Key& key) {
  const ordered_json one = key.allowed.empty() ? text_like() : words_as_enum(key.allowed);
  return either(one, {{"type", "array"}, {"items", one}});
}

ordered_json of_type(const Key& key) {
  switch (key.type) {
    case Type::name:
      return {{"type", "string"}, {"pattern", "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}};
    case Type::uuid:
      return {{"type", "string"},
              {"pattern", "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"}};
    case Type::choice:
      return key.word.empty() ? words_as_enum(key.allowed)
                              : either(words_as_enum(key.allowed), {{"const", ""}});
    case Type::device:
      return either(words_as_enum(key.allowed), {{"enum", {"off", "none", "on", true, false}}});
    case Type::integer:
      return key.word.empty() ? integer(key) : either(integer(key), words_as_enum(key.word));
    case Type::boolean:
      return key.allowed.empty() ? boolean() : either(boolean(), words_as_enum(key.allowed));
    case Type::bytes:
    case Type::duration:
      return {{"type", {"string", "integer", "boolean"}}};
    case Type::id_set:
      return {{"type", {"string", "integer"}}};
    case Type::topology:
      return topology();
    case Type::texts:
      return texts(key);
    case Type::map:
      return {{"type", "object"}};
    default:
      return text_like();
  }
}

ordered_json with_help(ordered_json schema, const Key& key) {
  if (!key.help.empty()) schema["description"] = std::string(key.help);
  if (key.fallback.empty() || key.type == Type::list) return schema;
  const Documents value = parse_yaml(key.fallback, "default");
  if (!value.roots.empty()) schema["default"] = to_json(value.roots[0]);
  return schema;
}

/// null is everywhere the default.
ordered_json or_null(ordered_json schema) { return either(std::move(schema), {{"type", "null"}}); }

ordered_json section_schema(const Table& table, std::string_view section);

ordered_json key_schema(const Table& table, const std::string& name) {
  const Field* field = find_field(table, name);
  if (field != nullptr && field->size != nullptr) {
    ordered_json items = section_schema(table, name + "[]");
    if (!field->key.short_for.empty())
      items = either(of_type(find_field(table, field->key.short_for)->key), std::move(items));
    return with_help({{"type", "array"}, {"items", std::move(items)}}, field->key);
  }
  if (!is_section(table, name)) return with_help(of_type(field->key), field->key);
  ordered_json schema = section_schema(table, name);
  if (field == nullptr) return schema;
  if (!field->key.short_for.empty())
    schema = either(of_type(find_field(table, field->key.short_for)->key), std::move(schema));
  return with_help(std::move(schema), field->key);
}

ordered_json section_schema(const Table& table, std::string_view section) {
  ordered_json schema{{"type", "object"}, {"properties", ordered_json::object()}};
  ordered_json required = ordered_json::array();
  for (const std::string& name : names_below(table, section)) {
    const std::string leaf(leaf_of(name));
    const Field* field = find_field(table, name);
    const bool is_required = field != nullptr && field->key.required;
    if (is_required) required.push_back(leaf);
    ordered_json value = key_schema(table, name);
    schema["properties"][leaf] = is_required ? std::move(value) : or_null(std::move(value));
  }
  if (!required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
  return schema;
}

ordered_json titled(const char* title, const Table& table) {
  ordered_json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", title}};
  schema.update(section_schema(table, ""));
  return schema;
}

}  // namespace

ordered_json profile_schema() { return titled("kvmrt profile", profile_keys()); }

ordered_json host_schema() { return titled("kvmrt host file", host_keys()); }

}  // namespace kvmrt::profiles
