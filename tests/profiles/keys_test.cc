// SPDX-License-Identifier: MIT
// The key table against the values that it describes, and what is made from it.
#include "profiles/keys.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "profiles/host_file.h"
#include "profiles/load.h"
#include "profiles/reader.h"
#include "profiles/schema.h"
#include "profiles/show.h"
#include "profiles/template.h"
#include "profiles/yaml.h"
#include "tests/paths.h"

namespace kvmrt::profiles {
namespace {

std::string told(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += to_string(problem) + "\n";
  return text;
}

/// A document that names every key outside lists with the table's default text.
std::string all_defaults(const Table& table) {
  Node document = Node::map();
  for (const Field& field : table) {
    const Key& key = field.key;
    if (key.name.find("[]") != std::string_view::npos || key.fallback.empty()) continue;
    const Documents value = parse_yaml(key.fallback, "default");
    Node* at = &document;
    std::string_view rest = key.name;
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      at = &at->at(rest.substr(0, dot));
      rest.remove_prefix(dot + 1);
    }
    at->at(rest) = value.roots.empty() ? Node() : value.roots[0];
  }
  return to_yaml(document);
}

TEST(KeyTable, DefaultsAreThoseOfTheProfile) {
  const auto loaded = load_text("name: a\n" + all_defaults(profile_keys()), "vm.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  const auto plain = load_text("name: a\n", "vm.yaml");
  EXPECT_EQ(to_yaml(show(loaded->front())), to_yaml(show(plain->front())));
}

TEST(KeyTable, DefaultsOfListItemsAreThoseOfTheProfile) {
  for (const Field& field : profile_keys()) {
    if (field.key.name.find("[]") == std::string_view::npos || field.key.required) continue;
    Profile profile;
    profile.numa.resize(1);
    profile.iothreads.resize(1);
    profile.disks.resize(1);
    profile.networks.resize(1);
    profile.serial.resize(1);
    profile.shared_memory.resize(1);
    const Node before = field.write(field.key, &profile, 0);
    Problems problems;
    Sink sink(problems, "", "", "");
    const Documents value = parse_yaml(field.key.fallback, "default");
    ASSERT_EQ(value.roots.size(), 1U) << field.key.name;
    if (field.key.word != "\"\"") field.read(value.roots[0], field.key, &profile, 0, sink);
    EXPECT_EQ(told(problems), "") << field.key.name;
    EXPECT_TRUE(same_value(before, field.write(field.key, &profile, 0))) << field.key.name;
  }
}

TEST(KeyTable, DefaultsAreThoseOfTheHostPolicy) {
  const auto loaded = load_host_text(all_defaults(host_keys()), "host.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  EXPECT_EQ(to_yaml(show(*loaded)), to_yaml(show(partition::HostPolicy())));
}

TEST(KeyTable, HasEachKeyOnceWithAHelpText) {
  std::vector<std::string_view> seen;
  for (const Field& field : profile_keys()) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), field.key.name), 0) << field.key.name;
    EXPECT_FALSE(field.key.help.empty()) << field.key.name;
    seen.push_back(field.key.name);
  }
}

TEST(Show, GivesBackAnEqualProfileWhenLoaded) {
  const auto loaded = load_file(KVMRT_SOURCE_DIR "/tests/profiles/full.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  const std::string text = to_yaml(show(loaded->front()));
  const auto again = load_text(text, "again.yaml");
  ASSERT_TRUE(again) << told(again.problems()) << text;
  EXPECT_EQ(to_yaml(show(again->front())), text);
}

TEST(Show, QuotesWhatYamlWouldTakeForSomethingElse) {
  Profile profile;
  profile.name = "123";
  profile.uuid = uuid_of("123");
  profile.title = "yes: # \"no\"\n";
  profile.description = "- ünï";
  const auto again = load_text(to_yaml(show(profile)), "again.yaml");
  ASSERT_TRUE(again) << told(again.problems());
  EXPECT_EQ(again->front().name, "123");
  EXPECT_EQ(again->front().title, profile.title);
  EXPECT_EQ(again->front().description, profile.description);
}

TEST(Show, GivesJsonTypes) {
  const auto loaded = load_text("name: a\ncpuset: 4\nnr_vcpus: 2\n", "vm.yaml");
  const auto json = to_json(show(loaded->front()));
  EXPECT_EQ(json["cpuset"], "4");
  EXPECT_EQ(json["nr_vcpus"], 2);
  EXPECT_EQ(json["rt"], false);
  EXPECT_EQ(json["memory"]["size"], "1GiB");
  EXPECT_EQ(json["cpu_topology"]["cores"], 2);
  EXPECT_TRUE(json["disks"].is_array());
  EXPECT_EQ(json["realtime"]["emulator"]["policy"], "other");
}

TEST(Schema, KnowsEveryKeyAndRefusesOthers) {
  const auto schema = profile_schema();
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], nlohmann::ordered_json::array({"name"}));
  for (const std::string& name : names_below(profile_keys(), ""))
    EXPECT_TRUE(schema["properties"].contains(name)) << name;
}

TEST(Manual, NamesEveryKey) {
  for (const Field& field : profile_keys())
    EXPECT_NE(profile_keys_as_markdown().find("`" + std::string(field.key.name) + "`"),
              std::string::npos)
        << field.key.name;
  EXPECT_NE(profile_keys_as_man().find(".B realtime.priority"), std::string::npos);
  EXPECT_NE(host_keys_as_man().find(".B kthread_priorities.rcuc"), std::string::npos);
}

TEST(Template, LoadsAndHasWhatIsGiven) {
  const auto loaded =
      load_text(template_profile("line3", {{"cpuset", {"4-6", {"three CPUs"}}},
                                           {"rt", {"true", {}}},
                                           {"memory.size", {"2GiB", {}}},
                                           {"realtime.emulator.priority", {"0", {}}},
                                           {"disks", {"[{path: a.qcow2}]", {}}}}),
                "line3.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems());
  EXPECT_EQ(loaded->front().name, "line3");
  EXPECT_TRUE(loaded->front().rt);
  EXPECT_EQ(loaded->front().cpuset.set, CpuSet::range(4, 6));
  EXPECT_EQ(loaded->front().memory.size, gib(2));
  EXPECT_EQ(loaded->front().disks.size(), 1U);
}

TEST(Template, WithoutItsCommentSignsIsAProfileOfDefaults) {
  std::string text;
  const std::string commented = template_profile("line3", {});
  for (const std::string_view line : lines_of(commented)) {
    const bool is_remark = line.starts_with("# ") && !line.starts_with("#  ");
    text += std::string(line.starts_with("#") && !is_remark ? line.substr(1) : line) + "\n";
  }
  const auto loaded = load_text(text, "line3.yaml");
  ASSERT_TRUE(loaded) << told(loaded.problems()) << text;
  const auto plain = load_text("name: line3\n", "line3.yaml");
  EXPECT_EQ(to_yaml(show(loaded->front())), to_yaml(show(plain->front())));
}

}  // namespace
}  // namespace kvmrt::profiles
